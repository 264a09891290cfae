import { open, resample } from "./sound.js";
import { Artefact } from "./zoo.js";

const find = (id) => document.getElementById(id);
let artefact;
let queue = Promise.resolve(); // one thing after another, in the order in which it was dropped

function say(text, isError = false) {
  find("state").textContent = text;
  find("state").classList.toggle("error", isError);
}

/** Do a thing after those before it, and say what went wrong. */
function next(what, name) {
  find("main").ariaBusy = true;
  const mine = (queue = queue
    .then(what)
    .catch((error) => say(`${name}: ${error.message}`, true))
    .then(() => {
      find("progress").hidden = true;
      if (queue === mine) find("main").ariaBusy = false;
    }));
}

async function takeModel(bytes, name) {
  find("sound").disabled = true;
  say(`Reading ${name} …`);
  artefact = undefined;
  artefact = await Artefact.open(bytes);
  const { model, classes, dataset, metrics } = artefact.about;
  const accuracy = `${(100 * metrics.accuracy).toFixed(1)} % right out of fold`;
  find("model-name").textContent = `${model.title}, trained on ${dataset.name}: ${classes.length} classes, ${accuracy}.`;
  find("sound").disabled = false;
  say("Ready for a song.");
}

async function takeSound(file) {
  if (!artefact) throw new Error("a model is needed first");
  say(`Decoding ${file.name} …`);
  let own;
  try {
    own = await open(await file.arrayBuffer(), artefact.rate);
  } catch {
    throw new Error("this browser cannot decode it as sound");
  }
  const waveform = resample(own.mono, own.source, artefact.rate);
  const begun = performance.now();
  const bar = find("progress");
  [bar.max, bar.value, bar.hidden] = [waveform.length / artefact.rate, 0, false];
  say(`Listening to ${file.name} …`);
  const answer = await artefact.answer(file.name, waveform, (seconds) => (bar.value = seconds), own);
  const took = ((performance.now() - begun) / 1000).toFixed(1);
  const silent = answer.silent ? `, ${answer.silent} more of silence` : "";
  const unlike = answer.unlike && !answer.guess ? `, ${answer.unlike} more unlike the training recordings` : "";
  const band = answer.band ? `; ${answer.band}` : "";
  show(answer, file, `${answer.seconds.toFixed(1)} s of sound, ${answer.windows} windows${silent}${unlike}, answered in ${took} s${band}`);
  say("Ready for another song.");
}

function show(answer, file, note) {
  const article = find("answer").content.cloneNode(true).firstElementChild;
  const part = (selector) => article.querySelector(selector);
  const colour = (name) => {
    const number = artefact.classes.indexOf(name);
    return number < 0 ? "var(--line)" : `hsl(${(360 * number) / artefact.classes.length} 62% 55%)`;
  };
  part("h2").textContent = answer.path;
  const guess = answer.guess ? `; guess: ${answer.guess}` : "";
  const sure = answer.reason ? answer.reason + guess : `${(100 * answer.confidence).toFixed(1)} %`;
  part(".verdict").textContent = `${answer.label}, ${sure}`;
  part(".note").textContent = note;
  const audio = part("audio");
  audio.src = URL.createObjectURL(file);
  showTimeline(answer.timeline, part, colour, audio);
  const ranked = Object.entries(answer.probabilities).sort(([, a], [, b]) => b - a);
  for (const [name, probability] of ranked) {
    const row = part("tbody").insertRow();
    row.insertCell().textContent = name;
    row.insertCell().textContent = probability.toFixed(3);
    const bar = row.insertCell();
    bar.className = "bar";
    bar.append(document.createElement("div"));
    bar.firstChild.style.width = `${100 * probability}%`;
    bar.firstChild.style.background = colour(name);
    row.insertCell().textContent = answer.votes[name] ?? 0;
  }
  part("table").hidden = !ranked.length;
  part("pre").textContent = JSON.stringify(answer, null, 1);
  find("answers").prepend(article);
}

function showTimeline(timeline, part, colour, audio) {
  const seen = new Set();
  for (const [n, { start, end, label, confidence, reason }] of timeline.entries()) {
    const shown = reason ? reason.split(":")[0] : label;
    const lasts = (timeline[n + 1]?.start ?? end) - start; // windows may overlap
    const button = document.createElement("button");
    button.title = `${start.toFixed(1)} to ${end.toFixed(1)} s: ${shown}${confidence === null ? "" : `, ${(100 * confidence).toFixed(0)} %`}`;
    button.setAttribute("aria-label", button.title);
    button.style.flexGrow = lasts;
    button.style.background = colour(label);
    button.style.opacity = confidence === null ? 1 : 0.35 + 0.65 * confidence;
    button.addEventListener("click", () => {
      audio.currentTime = start;
      audio.play();
    });
    part(".strip").append(button);
    seen.add(shown);
  }
  for (const label of [...seen].sort()) {
    const item = document.createElement("li");
    item.append(document.createElement("i"), label);
    item.firstChild.style.background = colour(label);
    part(".legend").append(item);
  }
  part(".timeline").hidden = timeline.some(({ start }) => Number.isNaN(start));
}

const modelFrom = (file) => next(async () => takeModel(new Uint8Array(await file.arrayBuffer()), file.name), file.name);
const soundFrom = (file) => next(() => takeSound(file), file.name);

for (const [id, take] of Object.entries({ model: modelFrom, sound: soundFrom })) {
  find(id).addEventListener("change", ({ target }) => {
    [...target.files].forEach(take);
    target.value = ""; // the same file can be chosen again
  });
}
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    const place = event.target.closest?.(".drop");
    place?.classList.toggle("over", kind === "dragover");
    if (kind !== "drop") return;
    for (const file of event.dataTransfer.files) (file.name.endsWith(".onnx") ? modelFrom : soundFrom)(file);
  });
}

// index.html?model=model.onnx takes a model that lies beside the page.
const beside = new URLSearchParams(location.search).get("model");
if (beside) {
  next(async () => {
    const found = await fetch(beside);
    if (!found.ok) throw new Error(`the server has no such file (${found.status})`);
    await takeModel(new Uint8Array(await found.arrayBuffer()), beside);
  }, beside);
}
