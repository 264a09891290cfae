// One colour per class, wherever the class is named.

import { element } from "./elements.js";

// The twelve colours whose least distance in OKLab is greatest, for common colour vision and for
// the three kinds of colour blindness (Machado, Oliveira & Fernandes 2009), of a search among those
// that are seen on white and on black. The least is 0.10; it would be 0.02 for ten hues in a circle.
const COLOURS = ["#3a6ee8", "#faa217", "#c5285d", "#05b4b4", "#a2d7a2", "#b48005", "#9128a2", "#fab4fa", "#5d5d05", "#916ea2", "#a291fa", "#fa6e80"];

const first = new Map(); // the number that a class got from the first dataset that has it
const known = new Map(); // numbers of the classes of a dataset

/** Return the numbers of a dataset's classes: two of them never share one. */
function numbers(classes) {
  const key = JSON.stringify(classes);
  if (known.has(key)) return known.get(key);
  const given = new Map();
  const taken = new Set();
  const give = (name, number) => {
    given.set(name, number);
    taken.add(number);
  };
  for (const name of classes) if (first.has(name) && !taken.has(first.get(name))) give(name, first.get(name));
  for (const name of classes) {
    if (given.has(name)) continue;
    let number = 0;
    while (taken.has(number)) number++;
    give(name, number);
    if (!first.has(name)) first.set(name, number);
  }
  known.set(key, given);
  return given;
}

/** Return an element in the colour of a class; of none, such as "unknown", it is hatched. */
export function painted(name, classes) {
  const made = element("i.paint");
  const number = numbers(classes).get(name);
  if (number === undefined) return made;
  made.style.backgroundColor = COLOURS[number % COLOURS.length];
  // More classes than colours: the next ones have stripes, of one direction per round.
  const round = Math.floor(number / COLOURS.length);
  made.style.backgroundImage = round ? `repeating-linear-gradient(${45 * round}deg, #0009 0 2px, #fff9 2px 4px, transparent 4px 8px)` : "none";
  return made;
}

/** Fill a list with names and their colours. */
export function legend(list, names, classes) {
  list.replaceChildren(...names.map((name) => element("li", painted(name, classes), name)));
}
