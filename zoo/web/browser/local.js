// Models that run in this page: files of `zoo train`, with onnxruntime-web.

import { loudest, open, resampling } from "./sound.js";
import { Artefact } from "./zoo.js";

const COLUMNS = 400; // of a waveform

export class Local {
  #artefacts = new Map();

  models() {
    return [...this.#artefacts.values()].map(entry);
  }

  /**
   * Take an ONNX file, as Uint8Array, and return its run. If a different model, one of `others` or
   * one that was dropped before, is called so, the name of the file is a part of it.
   */
  async add(bytes, name, others) {
    const artefact = await Artefact.open(bytes);
    const { about } = artefact;
    about.run ??= name;
    const own = entry(artefact);
    const isLike = (other) => ["model", "dataset", "classes"].every((key) => String(other[key]) === String(own[key]));
    if ([...others, ...this.models()].some((other) => other.run === own.run && !isLike(other))) about.run += ` (${name})`;
    this.#artefacts.set(about.run, artefact);
    return about.run;
  }

  /** As in server.js. */
  async answers(file, models, onAnswer, { signal, onStep }) {
    for (const [n, { run }] of models.entries()) {
      const artefact = this.#artefacts.get(run);
      signal.throwIfAborted();
      onStep("Decoding", null);
      let own;
      try {
        own = await open(await file.arrayBuffer(), artefact.rate);
      } catch {
        throw new Error("this browser cannot decode it as sound");
      }
      const begun = performance.now();
      const { resampled, compute } = resampling(own.mono, own.source, artefact.rate);
      const step = (share) => {
        signal.throwIfAborted();
        onStep("Listening", (n + share) / models.length);
      };
      const answer = await artefact.answer(file.name, resampled, step, { ...own, compute });
      signal.throwIfAborted();
      onAnswer({ ...answer, waveform: peaks(own.mono), seconds_taken: (performance.now() - begun) / 1000 });
    }
  }
}

/** Return a model as the server describes one. */
function entry({ about }) {
  return {
    run: about.run,
    model: about.model?.name ?? about.run,
    title: about.model?.title ?? about.run,
    dataset: about.dataset?.name ?? "",
    classes: about.classes.filter((name) => name !== "_other"),
    accuracy: about.metrics?.accuracy ?? null,
    newest: true,
  };
}

/** Return the loudest sample of each of the columns. */
function peaks(samples) {
  const edge = (n) => Math.floor((n * samples.length) / COLUMNS);
  return Array.from({ length: COLUMNS }, (_, n) => loudest(samples.subarray(edge(n), Math.max(edge(n) + 1, edge(n + 1)))));
}
