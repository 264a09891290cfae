// An artefact of the zoo in a browser: what `zoo predict --timeline --format json` says, said here.

import { bandwidth, peaks, SILENCE } from "./bandwidth.js";
import * as ort from "./ort/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more need a server that isolates the page (COOP and COEP)
ort.env.wasm.wasmPaths = new URL("ort/", import.meta.url).href;
ort.env.logLevel = "error";

const FORMAT = 2; // zoo/artefacts/metadata.py
const AT_ONCE = 10; // seconds of windows; bounds the memory, and the time in which the page cannot be used
const CELLS = 100; // measured values per second
const LEAST = 10; // of them, with sound
const SHARE = 0.05; // of a window, with sound
const UNLIKE = "unlike the training recordings"; // zoo/inference/prediction.py
const NARROW = 0.9; // of the bandwidth of the training recordings: zoo/inference/prediction.py
const OTHER = "_other"; // zoo_registry/predictions.py
const NONE_OF_THEM = "none of the trained classes";
const QUIET = "silence: almost nothing is above -70 dB of full scale";

/** An ONNX file that the zoo wrote, given as Uint8Array. */
export class Artefact {
  static async open(bytes) {
    const artefact = new Artefact();
    artefact.about = description(bytes);
    artefact.classes = artefact.about.classes;
    artefact.rate = artefact.about.frontend.sample_rate;
    artefact.session = await ort.InferenceSession.create(bytes);
    return artefact;
  }

  /** Classify the windows of a mono waveform: rows of {probabilities, start, end, novelty}. */
  async run(waveform) {
    const input = new ort.Tensor("float32", waveform, [1, waveform.length]);
    const found = await this.session.run({ waveform: input });
    const [count, width] = found.probabilities.dims;
    const [probabilities, times, novelty] = [found.probabilities, found.times, found.novelty].map((t) => t?.data);
    return Array.from({ length: count }, (_, n) => ({
      probabilities: Array.from(probabilities.slice(n * width, (n + 1) * width), (p) => Math.max(p, 0)),
      start: times?.[2 * n],
      end: times?.[2 * n + 1],
      novelty: novelty?.[n],
    }));
  }

  /** The same piece by piece, as `Artefact.stream` in zoo/artefacts/artefact.py cuts it. */
  async *stream(waveform, compute) {
    const { hop, length, reach } = this.about.windows ?? {};
    let [begin, lead] = [0, 0];
    if (hop) {
      lead = Math.ceil(reach / hop) * hop;
      const piece = lead + (Math.max(1, Math.round((AT_ONCE * this.rate) / hop)) - 1) * hop + length + reach;
      const count = Math.floor((piece - length - reach) / hop) + 1;
      // The last piece must hold the last window whole, which may lie off the grid.
      for (; waveform.length - begin >= piece + length + hop; begin += count * hop - lead) {
        compute(begin + piece);
        const windows = await this.run(waveform.subarray(begin, begin + piece));
        yield this.#later(windows.slice(begin ? lead / hop : 0, count), begin);
      }
    }
    compute(waveform.length);
    const rest = await this.run(waveform.subarray(begin));
    yield this.#later(rest.slice(begin ? lead / hop : 0), begin);
  }

  #later(windows, samples) {
    const seconds = samples / this.rate;
    return windows.map((w) => ({ ...w, start: w.start + seconds, end: w.end + seconds }));
  }

  /**
   * Answer as `zoo predict` does. `onStep` receives the share that is done. Silence is best found
   * in the waveform before it was resampled: `mono`, at `source` Hz. `compute` is called before
   * samples are read, with their end.
   */
  async answer(path, waveform, onStep = () => {}, { mono = waveform, source = this.rate, compute = () => {} } = {}) {
    const band = Math.min(this.rate / 2, this.about.dataset?.bandwidth ?? 0);
    const { run, dataset } = this.about;
    const origin = dataset ? { run, dataset: dataset.name } : { run };
    const heard = { path, windows: 0, seconds: round(mono.length / source), ...origin };
    const unknown = (reason) => ({ ...heard, label: "unknown", reason, votes: {}, probabilities: {} });
    const shortest = this.about.shortest ?? 0;
    if (waveform.length < shortest) {
      const needed = (shortest / this.rate).toFixed(3);
      const reason = `too short: ${(mono.length / source).toFixed(3)} s, the model needs ${needed} s`;
      return { ...unknown(reason), timeline: [{ start: 0, end: heard.seconds, label: "unknown", confidence: null, reason }] };
    }
    const windows = [];
    for await (const some of this.stream(waveform, compute)) {
      windows.push(...some);
      onStep(Math.min(1, (some.at(-1).end * this.rate) / waveform.length || 0));
      await new Promise((resume) => setTimeout(resume)); // the page is drawn meanwhile
    }
    const silent = silence(mono, source, windows);
    const count = silent.filter(Boolean).length;
    if (count) heard.silent = count;
    const unlike = windows.map((w, n) => !silent[n] && w.novelty > 1);
    const others = unlike.filter(Boolean).length;
    if (others) heard.unlike = others;
    const reached = bandwidth(mono, source);
    if (reached !== null && reached < NARROW * band) {
      const highest = Math.max(1, Math.ceil((0.97 * reached) / 500)) / 2;
      heard.band = `nothing above ${highest} kHz, unlike the training recordings: the answer may be wrong`;
    }
    const timeline = windows.map((w, n) => {
      const [best, quiet] = [argmax(w.probabilities), silent[n]];
      const reason = quiet ? QUIET : this.classes[best] === OTHER ? NONE_OF_THEM : unlike[n] ? UNLIKE : null;
      return {
        start: round(w.start),
        end: round(w.end),
        label: reason ? "unknown" : this.classes[best],
        confidence: quiet ? null : w.probabilities[best],
        reason,
      };
    });
    if (count === windows.length) return { ...unknown(QUIET), timeline };
    const sounding = windows.length - count;
    const isKnown = 2 * others <= sounding;
    const voting = windows.filter((_, n) => !silent[n] && !(isKnown && unlike[n]));
    const { votes, mean } = vote(voting.map((w) => w.probabilities));
    // The mean probability of an ensemble decides: no class has more of these votes than another.
    const deciding = this.about.decision === "mean" ? votes.map(() => 0) : votes;
    const winner = bestOf(deciding, mean);
    const isNone = this.classes[winner] === OTHER;
    const reason = isNone ? NONE_OF_THEM : !isKnown ? `${UNLIKE}: ${others} of ${sounding} window${sounding > 1 ? "s" : ""}` : null;
    // The best of the real classes, which is the winner unless that is none of them.
    const best = this.classes[isNone ? bestOf(deciding, mean, winner) : winner];
    const likely = this.classes[argmax(mean)];
    const named = (values) => Object.fromEntries(this.classes.map((name, n) => [name, values[n]]));
    return {
      ...heard,
      windows: voting.length,
      label: reason ? "unknown" : best,
      label_mean: likely === OTHER ? "unknown" : likely,
      confidence: mean[winner],
      votes: Object.fromEntries(Object.entries(named(votes)).filter(([, count]) => count)),
      probabilities: named(mean),
      reason,
      ...(reason ? { guess: best } : {}),
      timeline,
    };
  }
}

/** Return the votes of the windows and their mean probabilities: zoo/evaluate/vote.py. */
function vote(windows) {
  const classes = windows[0].map((_, n) => n);
  const votes = classes.map((n) => windows.filter((row) => argmax(row) === n).length);
  const sums = classes.map((n) => windows.reduce((sum, row) => sum + row[n], 0));
  const whole = sums.reduce((a, b) => a + b);
  const mean = sums.map((sum) => sum / whole);
  return { votes, mean };
}

/** Return the class of most votes, and of the highest mean among several; all but one may win. */
function bestOf(votes, mean, except = -1) {
  const most = Math.max(...votes.filter((_, n) => n !== except));
  return argmax(mean.map((p, n) => (n !== except && votes[n] === most ? p : -1)));
}

function argmax(values) {
  return values.reduce((best, value, n) => (value > values[best] ? n : best), 0);
}

function round(seconds) {
  return Math.round(seconds * 1000) / 1000;
}

/** Return for each window whether it is silent: `Peaks.silent` in zoo/audio/loudness.py. */
function silence(waveform, rate, windows) {
  const cell = Math.max(1, Math.floor(rate / CELLS));
  const sounding = [0]; // number of cells with sound before each cell
  for (const peak of peaks(waveform, cell)) sounding.push(sounding.at(-1) + (peak >= SILENCE));
  const cells = sounding.length - 1;
  const sound = windows.map(({ start, end }) => {
    const [first, last] = Number.isNaN(start) ? [0, cells] : [(start * rate) / cell, (end * rate) / cell];
    const before = (place) => sounding[Math.min(place, cells)];
    return { amount: before(Math.ceil(last)) - before(Math.floor(first)), length: last - first };
  });
  const silent = sound.map(({ amount, length }) => amount < Math.min(Math.max(LEAST, SHARE * length), length / 2));
  const any = sounding[cells] >= Math.min(LEAST, cells / 2);
  return any && silent.every(Boolean) ? sound.map(({ amount }) => amount === 0) : silent;
}

// onnxruntime-web does not give a model's metadata away, so they are read from the file:
// field 14 of onnx.proto's ModelProto, whose entries have the fields 1, key, and 2, value.
function description(bytes) {
  let about;
  try {
    const text = new TextDecoder("utf-8", { fatal: true });
    for (const [field, entry] of fields(bytes)) {
      if (field !== 14) continue;
      const { 1: key, 2: value } = Object.fromEntries([...fields(entry)].map(([n, part]) => [n, text.decode(part)]));
      if (key === "zoo") about = JSON.parse(value);
    }
  } catch {
    throw new Error("this is not an ONNX file, or it is cut off");
  }
  if (!about) throw new Error("this ONNX file was not written by `zoo train`");
  if (about.format > FORMAT) throw new Error("this model was written by a newer genre-zoo than this page");
  if (about.format < FORMAT) throw new Error("this model is of an older format; train it again");
  if (!about.frontend?.sample_rate) throw new Error("this model takes a table of features, and no sound");
  if (!isComplete(about)) throw new Error("this model has wrong names in its metadata");
  return about;
}

/** Return whether all that a page shows of a model is text. */
function isComplete({ run, model, dataset, classes, frontend }) {
  const names = [run, model?.name, model?.title, dataset?.name].map((name) => name ?? "");
  const isList = Array.isArray(classes) && classes.length && new Set(classes).size === classes.length;
  return isList && [...classes, ...names].every((name) => typeof name === "string") && Number.isFinite(frontend.sample_rate);
}

function* fields(bytes) {
  let at = 0;
  const varint = () => {
    for (let value = 0, scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new RangeError("cut off");
  };
  while (at < bytes.length) {
    const [tag, sizes] = [varint(), { 1: 8, 5: 4 }];
    if (tag % 8 === 0) {
      varint();
      continue;
    }
    const size = tag % 8 === 2 ? varint() : sizes[tag % 8];
    if (!(at + size <= bytes.length)) throw new RangeError("cut off");
    yield [Math.floor(tag / 8), bytes.subarray(at, (at += size))];
  }
}
