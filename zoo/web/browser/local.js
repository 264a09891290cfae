// Models that run in this page: files of `zoo train`, with onnxruntime-web.

import { open, resample } from "./sound.js";
import { Artefact } from "./zoo.js";

const COLUMNS = 400; // of a waveform

export class Local {
  #artefacts = new Map();

  models() {
    return [...this.#artefacts.values()].map(({ about }) => ({
      run: about.run,
      model: about.model?.name ?? about.run,
      title: about.model?.title ?? about.run,
      dataset: about.dataset?.name ?? "",
      classes: about.classes.filter((name) => name !== "_other"),
      accuracy: about.metrics?.accuracy ?? null,
      newest: true,
    }));
  }

  /** Take an ONNX file, as Uint8Array, and return its run. */
  async add(bytes) {
    const artefact = await Artefact.open(bytes);
    this.#artefacts.set(artefact.about.run, artefact);
    return artefact.about.run;
  }

  /** As in server.js. */
  async answers(file, models, onAnswer, { signal, onStep }) {
    for (const [n, { run }] of models.entries()) {
      const artefact = this.#artefacts.get(run);
      onStep("Decoding", n / models.length);
      let own;
      try {
        own = await open(await file.arrayBuffer(), artefact.rate);
      } catch {
        throw new Error("this browser cannot decode it as sound");
      }
      const waveform = resample(own.mono, own.source, artefact.rate);
      const begun = performance.now();
      const all = waveform.length / artefact.rate;
      const step = (seconds) => {
        signal.throwIfAborted();
        const done = Math.min(1, (seconds || 0) / all);
        onStep(`Model ${n + 1} of ${models.length}, ${Math.round(100 * done)} % of the recording`, (n + done) / models.length);
      };
      const answer = await artefact.answer(file.name, waveform, step, own);
      signal.throwIfAborted();
      onAnswer({ ...answer, waveform: peaks(own.mono), seconds_taken: (performance.now() - begun) / 1000 });
    }
  }
}

/** Return the loudest sample of each of the columns. */
function peaks(samples) {
  const edge = (n) => Math.floor((n * samples.length) / COLUMNS);
  return Array.from({ length: COLUMNS }, (_, n) => samples.subarray(edge(n), Math.max(edge(n) + 1, edge(n + 1))).reduce((most, x) => Math.max(most, Math.abs(x)), 0));
}
