// Recording from the microphone: a timer and a level that can be seen, and then a file.

import { loudest } from "./sound.js";

const SUFFIXES = { "audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "m4a" };

/**
 * Start to record. `onTick` receives the seconds and the loudest sample since the last call, ten times a second.
 * Return a function that ends it and returns the file. An error says why there is no microphone.
 */
export async function record(onTick) {
  if (!navigator.mediaDevices) throw new Error("Browsers allow recording only on pages with HTTPS, and on localhost.");
  let stream;
  try {
    // As it sounds: these three are meant for speech.
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
  } catch (error) {
    if (error.name === "NotAllowedError") throw new Error("The microphone is not allowed for this page; allow it in the browser's settings of this page.");
    throw new Error("No microphone was found.");
  }
  const context = new AudioContext();
  const meter = new AnalyserNode(context, { fftSize: 8192 });
  context.createMediaStreamSource(stream).connect(meter);
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const samples = new Float32Array(meter.fftSize);
  await new Promise((resolve) => {
    recorder.onstart = resolve;
    recorder.start();
  });
  const begun = performance.now();
  const ticks = setInterval(() => {
    meter.getFloatTimeDomainData(samples);
    onTick((performance.now() - begun) / 1000, loudest(samples));
  }, 100);
  return () =>
    new Promise((resolve) => {
      recorder.onstop = () => {
        const [kind] = recorder.mimeType.split(";");
        const time = new Date().toTimeString().slice(0, 8).replaceAll(":", ".");
        resolve(new File(parts, `recording ${time}.${SUFFIXES[kind] ?? "webm"}`, { type: kind }));
      };
      clearInterval(ticks);
      recorder.stop();
      for (const track of stream.getTracks()) track.stop();
      context.close();
    });
}
