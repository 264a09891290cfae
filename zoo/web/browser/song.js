// What is shown of one recording: the headline, the label over time, and a card per model.

import { legend, painted } from "./colours.js";
import { element, find, withCode } from "./elements.js";
import { clock, json } from "./written.js";

const SHOWN = 5; // classes per model; the others are folded away
const SILENCE = 0.012; // height of silence in the waveform, so that it can be seen
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]; // seconds between two ticks
const THIN = 3; // CSS pixels; narrower windows are drawn together
const NARROW = 24; // CSS pixels; narrower stretches are part of their neighbours
const NEAR = 8; // CSS pixels between two clicks at one place
const CLEAR = 2 / 3; // share of the windows above which no second label is named
const PATIENCE = 3; // seconds until the time that has passed is shown
const LOWEST = 0.3; // height of an answer that is not sure at all
const LEAST = 64; // CSS pixels between two ticks

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const css = (share) => `${(100 * share).toFixed(3)}%`;

export class Song {
  answers = [];
  #models = [];
  #waveform;
  #number = 0;
  #width = 0; // of the strips, in CSS pixels
  #from; // seconds from which it was played last
  #step = "";
  #begun;
  #clock;
  static #count = 0;

  constructor(file) {
    this.file = file;
    this.article = find("song").content.cloneNode(true).firstElementChild;
    this.#number = ++Song.#count;
    this.part("h3").textContent = file.name;
    this.part("h3").id = `song-${this.#number}`;
    this.article.setAttribute("aria-labelledby", `song-${this.#number}`);
    for (const button of this.article.querySelectorAll(".row button")) button.setAttribute("aria-label", `${button.textContent}: ${file.name}`);
    const audio = this.part("audio");
    audio.src = URL.createObjectURL(file);
    audio.ariaLabel = file.name;
    this.part("progress").ariaLabel = `Progress: ${file.name}`;
    audio.addEventListener("error", () => (audio.hidden = true)); // the server decodes more than a browser
    audio.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    });
    audio.addEventListener("timeupdate", () => this.#moveCursor());
    this.part(".stage svg").addEventListener("click", (event) => this.#listenAt(event));
    new ResizeObserver(() => {
      if (this.part(".stage").clientWidth !== this.#width) this.#drawTime();
    }).observe(this.part(".stage"));
  }

  part(selector) {
    return this.article.querySelector(selector);
  }

  /** Forget what is shown, and wait for the answers of some models. */
  begin(models) {
    this.#models = models;
    this.answers = [];
    this.#waveform = undefined;
    this.#setWorking(true);
    this.#begun = models.length ? performance.now() : undefined;
    this.step("Waiting for the recordings before it", null);
    this.problem("");
    this.part(".time").hidden = true;
    this.part(".raw").hidden = true;
    this.part(".heard").textContent = "";
    this.part(".cards").replaceChildren();
    this.part(".winner").textContent = "…";
    this.part(".agree").textContent = "";
  }

  /** Show what is being done, and the share that is done; null if it is not known. */
  step(words, share) {
    this.#step = share === null ? words : `${words}, ${Math.round(100 * share)} %`;
    this.#drawStep();
    if (share === null) this.part("progress").removeAttribute("value");
    else this.part("progress").value = share;
  }

  take(answer) {
    this.answers.push(answer);
    this.#waveform ??= answer.waveform;
    if (answer.heard) this.part(".heard").textContent = answer.heard;
    const model = this.#models.find(({ run }) => run === answer.run) ?? { title: answer.run, classes: Object.keys(answer.probabilities ?? {}) };
    this.part(".cards").append(card(answer, model));
    this.#drawHeadline();
    this.#drawTime();
    this.part("pre").textContent = json(this.answers);
    this.part(".raw").hidden = false;
  }

  /** Show that nothing more comes; return the headline. */
  end() {
    this.#setWorking(false);
    this.#drawHeadline();
    if (!this.hasLabel) this.part(".winner").textContent = "no answer";
    // What is wrong with the recording is said once, and not by each model.
    const [error, ...others] = new Set(this.answers.map((answer) => answer.error));
    if (error && !others.length) {
      this.problem(error);
      this.part(".cards").replaceChildren();
      return error.startsWith(this.file.name) ? error : `${this.file.name}: ${error}`;
    }
    const said = [this.part(".winner").textContent, this.part(".agree").textContent];
    return `${this.file.name}: ${said.filter(Boolean).join(", ")}.`;
  }

  problem(sentence) {
    this.part(".problem").replaceChildren(...withCode(sentence));
    this.part(".problem").hidden = !sentence;
  }

  /** Free what it holds. */
  remove() {
    this.part("audio").pause();
    URL.revokeObjectURL(this.part("audio").src);
    this.article.remove();
  }

  get isWorking() {
    return !this.part(".working").hidden;
  }

  get hasLabel() {
    return this.answers.some(({ label }) => label);
  }

  #setWorking(is) {
    const held = document.activeElement;
    this.part(".working").hidden = !is;
    clearInterval(this.#clock);
    if (is) this.#clock = setInterval(() => this.#drawStep(), 1000);
    for (const [name, shown] of Object.entries({ cancel: is, again: !is, copy: !is && this.answers.length, remove: !is })) this.part(`.row .${name}`).hidden = !shown;
    // The focus of a button that is hidden would be lost.
    if (held.hidden && this.article.contains(held)) this.part(is ? ".row .cancel" : ".row .again").focus();
  }

  #drawStep() {
    const seconds = (performance.now() - this.#begun) / 1000;
    this.part(".step").textContent = seconds >= PATIENCE ? `${this.#step} · ${clock(seconds)}` : this.#step;
  }

  get #seconds() {
    return this.answers.find(({ seconds }) => seconds)?.seconds ?? 0;
  }

  #drawHeadline() {
    if (this.#seconds) this.part("h3").textContent = `${this.file.name} · ${clock(this.#seconds)}`;
    const labels = this.answers.flatMap(({ label }) => label ?? []);
    if (!labels.length) return;
    const named = labels.filter((label) => label !== "unknown");
    const votes = ranked((named.length ? named : labels).map((label) => [label, 1]));
    const [, most] = votes[0];
    const winners = votes.flatMap(([label, count]) => (count === most ? label : []));
    this.part(".winner").textContent = winners.join(" or ");
    const count = labels.length;
    const agree = winners.length > 1 ? `${count} models do not agree` : most === count ? (count === 2 ? "both models agree" : `all ${count} models agree`) : `${most} of ${count} models`;
    const missing = this.#models.length - this.answers.length;
    const waiting = missing && this.isWorking ? `${missing} still working` : "";
    this.part(".agree").textContent = [count > 1 ? agree : "", mixture(this.answers), waiting].filter(Boolean).join("; ");
  }

  #drawTime() {
    const seconds = this.#seconds;
    const timed = this.answers.filter(({ timeline }) => timeline?.length && Number.isFinite(timeline[0].start) && timeline[0].start !== null);
    this.part(".time").hidden = !seconds || (!timed.length && !this.#waveform);
    if (this.part(".time").hidden) return;
    this.#width = this.part(".stage").clientWidth;
    this.part("path").setAttribute("d", outline(this.#waveform ?? [0]));
    const amounts = [];
    let classes = [];
    this.part(".strips").replaceChildren(
      ...timed.flatMap((answer) => {
        const model = this.#models.find(({ run }) => run === answer.run);
        classes = model.classes;
        const pieces = pieced(answer.timeline, seconds);
        amounts.push(...pieces.map(amount));
        return [element("p.strip-name", model.title), this.#strip(model, pieces, seconds)];
      }),
    );
    legend(this.part(".time .legend"), ranked(amounts).map(([name]) => name), classes);
    this.#drawAxis();
    this.#moveCursor();
  }

  /** Draw the windows, the surer the higher, and over them a button per stretch of one label. */
  #strip({ title, classes }, pieces, seconds) {
    const place = (one, { start, end }) => {
      one.style.left = css(start / seconds);
      one.style.width = css((end - start) / seconds);
      return one;
    };
    const bars = element("div.bars");
    bars.ariaHidden = "true";
    for (const piece of joined(pieces, (THIN * seconds) / this.#width)) {
      const bar = place(painted(piece.shown, classes), piece);
      bar.style.height = css(LOWEST + (1 - LOWEST) * (piece.confidence ?? 1));
      bars.append(bar);
    }
    const strip = element("div.strip", bars);
    strip.role = "group";
    strip.ariaLabel = `Label over time: ${title}`;
    const buttons = stretches(pieces, (NARROW * seconds) / this.#width).map((stretch, n) => {
      const button = place(element("button", element("span", element("b", stretch.shown))), stretch);
      button.type = "button";
      button.tabIndex = n ? -1 : 0; // one stop per strip; arrows lead on
      const sure = stretch.confidence === null ? "" : `, ${percent(stretch.confidence)}`;
      button.title = button.ariaLabel = `${clock(stretch.start)} to ${clock(stretch.end)}: ${stretch.isMixed ? "mostly " : ""}${stretch.shown}${sure}`;
      // A key has no place.
      button.addEventListener("click", (event) => (event.detail ? this.#listenAt(event) : this.#listen(stretch.start)));
      return button;
    });
    strip.append(...buttons);
    strip.addEventListener("keydown", (event) => {
      const at = buttons.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
      if (!buttons[to]) return;
      event.preventDefault();
      buttons[at].tabIndex = -1;
      buttons[to].tabIndex = 0;
      buttons[to].focus();
    });
    return strip;
  }

  #drawAxis() {
    const seconds = this.#seconds;
    const fitting = this.#width / LEAST;
    const step = STEPS.find((one) => seconds / one <= fitting) ?? STEPS.at(-1);
    this.part(".axis").replaceChildren(
      ...Array.from({ length: seconds ? Math.floor(seconds / step) + 1 : 0 }, (_, n) => {
        const tick = element("span", clock(n * step));
        tick.style.left = css((n * step) / seconds);
        tick.classList.toggle("end", (n * step) / seconds > 0.95);
        return tick;
      }),
    );
  }

  #listenAt({ clientX }) {
    const { left, width } = this.part(".stage").getBoundingClientRect();
    this.#listen(((clientX - left) / width) * this.#seconds, (NEAR / width) * this.#seconds);
  }

  /** Play from there; pause if it plays from there already, or from nearby. */
  #listen(seconds, near = 0) {
    const audio = this.part("audio");
    if (!audio.paused && Math.abs(seconds - this.#from) <= near) return audio.pause();
    this.#from = audio.currentTime = seconds;
    audio.play().catch(() => {}); // one that the browser cannot play is hidden
    this.#moveCursor();
  }

  #moveCursor() {
    const { currentTime } = this.part("audio");
    this.part(".cursor").hidden = !currentTime || !this.#seconds;
    this.part(".cursor").style.left = css(Math.min(1, currentTime / this.#seconds));
  }
}

/** Return names with the sums of their amounts, the largest first. */
function ranked(pairs) {
  const sums = new Map();
  for (const [name, amount] of pairs) sums.set(name, (sums.get(name) ?? 0) + amount);
  return [...sums].sort(([, a], [, b]) => b - a);
}

/** Return the windows as they are drawn: each lasts until the next begins. */
function pieced(timeline, seconds) {
  return timeline.map(({ start, end, label, confidence, reason }, n) => ({
    start,
    end: Math.min(seconds, timeline[n + 1]?.start ?? end),
    // The reason is shown where the sound can have no label at all.
    shown: reason && !reason.startsWith("unsure") ? reason.split(":")[0] : label,
    confidence,
  }));
}

/** Return pieces of at least so many seconds: of several, the label that has most of them. */
function joined(pieces, least) {
  const groups = [];
  for (const piece of pieces) {
    const last = groups.at(-1);
    if (last && last.at(-1).end - last[0].start < least) last.push(piece);
    else groups.push([piece]);
  }
  return groups.map((group) => {
    const [[shown]] = ranked(group.map(amount));
    return { ...mean(group.filter((piece) => piece.shown === shown)), ...span(group) };
  });
}

/** Return neighbouring pieces of one label as one; those of fewer seconds become part of a neighbour. */
function stretches(pieces, least) {
  const length = ({ pieces }) => pieces.at(-1).end - pieces[0].start;
  let all = pieces.map((piece) => ({ shown: piece.shown, pieces: [piece] }));
  for (;;) {
    all = all.reduce((found, one) => {
      if (found.at(-1)?.shown === one.shown) found.at(-1).pieces.push(...one.pieces);
      else found.push(one);
      return found;
    }, []);
    const shortest = all.reduce((best, one) => (length(one) < length(best) ? one : best));
    if (all.length === 1 || length(shortest) >= least) break;
    const neighbours = [-1, 1].flatMap((step) => all[all.indexOf(shortest) + step] ?? []);
    shortest.shown = neighbours.reduce((best, one) => (length(one) > length(best) ? one : best)).shown;
  }
  return all.map((one) => ({ ...mean(one.pieces.filter(({ shown }) => shown === one.shown)), ...span(one.pieces), isMixed: one.pieces.some(({ shown }) => shown !== one.shown) }));
}

const amount = ({ shown, start, end }) => [shown, end - start];
const span = (pieces) => ({ start: pieces[0].start, end: pieces.at(-1).end });

/** Return the label and the mean confidence of pieces of one label. */
function mean(pieces) {
  const [{ shown, confidence }] = pieces;
  return { shown, confidence: confidence === null ? null : pieces.reduce((sum, piece) => sum + piece.confidence, 0) / pieces.length };
}

/** Return how the windows of all models are divided, or an empty text if one label has most. */
function mixture(answers) {
  const votes = ranked(answers.flatMap((answer) => Object.entries(answer.votes ?? {})));
  const total = votes.reduce((sum, [, count]) => sum + count, 0);
  const [[first, most] = [], [second, next] = []] = votes;
  if (!next || most > CLEAR * total) return "";
  const none = 2 * most <= total ? "no class has most of the windows: " : "";
  return `${none}${first} has ${most} of ${total} windows, ${second} ${next}`;
}

/** Return a waveform as an SVG path, 1000 wide, from -1 to 1 high. */
function outline(peaks) {
  const scale = Math.max(1e-3, ...peaks);
  const points = peaks.flatMap((peak, n) => [n, n + 1].map((edge) => [((1000 * edge) / peaks.length).toFixed(1), Math.max(peak / scale, SILENCE).toFixed(3)]));
  return `M${points.map(([x, y]) => `${x} -${y}`).join(" L")} L${points.reverse().map((point) => point.join(" ")).join(" L")}Z`;
}

/** Return the card of a model's answer. */
function card(answer, model) {
  const made = find("card").content.cloneNode(true).firstElementChild;
  const part = (selector) => made.querySelector(selector);
  made.dataset.run = answer.run;
  part("h4").textContent = model.title;
  part(".run").textContent = `${answer.run}${model.dataset ? ` · trained on ${model.dataset}` : ""}`;
  if (answer.error) {
    part(".verdict").replaceWith(element("p.problem", answer.error));
    part("table").hidden = true;
    return made;
  }
  if (answer.seconds_taken !== undefined) part(".took").textContent = `took ${answer.seconds_taken.toFixed(2)} s`;
  part(".verdict").textContent = answer.label;
  if (typeof answer.confidence === "number" && !answer.guess) part(".verdict").append(" ", element("span", percent(answer.confidence)));
  part(".notes").append(...notes(answer).map((note) => element("p", note)));
  const ranked = Object.entries(answer.probabilities ?? {}).sort(([, a], [, b]) => b - a);
  for (const [n, [name, probability]] of ranked.entries()) {
    const bar = painted(name, model.classes);
    bar.style.width = css(probability);
    const cells = [name, bar, probability.toFixed(3), String(Object.hasOwn(answer.votes ?? {}, name) ? answer.votes[name] : 0)].map((content, at) => element(at ? "td" : "th", content));
    cells[0].scope = "row";
    part(n < SHOWN ? "tbody" : ".rest").append(element("tr", ...cells));
  }
  part("table").hidden = !ranked.length;
  const more = part(".more");
  more.hidden = ranked.length <= SHOWN;
  const say = () => (more.textContent = part(".rest").hidden ? `${ranked.length - SHOWN} more classes` : "Fewer classes");
  say();
  more.addEventListener("click", () => {
    part(".rest").hidden = !part(".rest").hidden;
    more.ariaExpanded = String(!part(".rest").hidden);
    say();
  });
  return made;
}

function notes({ reason, guess, probabilities, windows, silent, unlike, band }) {
  const guessed = guess ? `; guess: ${guess}, ${percent(probabilities[guess])}` : "";
  return [
    reason && reason + guessed,
    silent && windows && `${silent} of ${silent + windows} windows are silent and do not vote`,
    unlike && !guess && `${unlike} of ${unlike + windows} windows are unlike the training recordings and do not vote`,
    band,
  ].filter(Boolean);
}
