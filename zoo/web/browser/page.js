// The page. Its models come from a server, and from files that run in the page; both are a source
// with `models()` and `answers(file, models, onAnswer, { signal, onStep })`.

import { find, withCode } from "./elements.js";
import { Models } from "./models.js";
import { record } from "./recorder.js";
import { connect, TokenWanted } from "./server.js";
import { Song } from "./song.js";
import { clock, copy, csv, json, save } from "./written.js";

const models = new Models();
const NAMED = 3; // recordings in a sentence
const songs = []; // the newest first
const ended = new Set(); // recordings that have an answer, or an error, since the page was idle
const folders = new WeakSet(); // what was dropped and is a folder, of which a browser makes a file
const lacking = new Set(); // recordings that are asked about as soon as there is a right token
let server, local;
let served = []; // models of the server
let working = 0;
let queue = Promise.resolve(); // one thing after another, in the order in which it was asked for

function say(text, isError = false) {
  find("state").replaceChildren(...withCode(text));
  find("state").classList.toggle("error", isError);
}

/** Do a thing after those before it, and say what went wrong. */
function next(work, name = "") {
  working++;
  find("main").ariaBusy = "true";
  queue = queue
    .then(work)
    .catch((error) => say(name ? `${name}: ${error.message}` : error.message, true))
    .then(() => (find("main").ariaBusy = String(--working > 0)));
  return queue;
}

// The models -------------------------------------------------------------------------------------

async function showModels(wanted) {
  served = [];
  try {
    served = server ? await server.models() : [];
    if (!find("token").hidden) say(""); // what was wrong with a token
    find("token").hidden = true;
    find("secret").value = "";
  } catch (error) {
    if (!(error instanceof TokenWanted)) throw error;
    if (!find("token").hidden) say("This token is wrong.", true);
    find("token").hidden = false;
    find("secret").focus();
  }
  const here = (local?.models() ?? []).map((model) => ({ ...model, source: local }));
  // A run that is served, too, is asked here if it was dropped.
  const there = served.filter(({ run }) => !here.some((model) => model.run === run));
  const all = [...there.map((model) => ({ ...model, source: server })), ...here];
  models.show(all, wanted);
  find("no-models").hidden = all.length > 0 || !find("token").hidden;
  const { minutes, suffixes } = server?.limits ?? {};
  find("limits").textContent = minutes ? `Up to ${minutes} minutes each.` : "";
  find("sound").accept = ["audio/*", ...(suffixes ?? [])].join(",");
}

/** Take an ONNX file, which a function opens: as a File, or a Response. */
function takeModel(name, open) {
  next(async () => {
    say(`Reading ${name} …`);
    let engine;
    try {
      engine = await import("./local.js");
    } catch {
      throw new Error(server ? "this server lacks onnxruntime-web, which runs a model in the page; type `zoo serve model.onnx` instead" : "onnxruntime-web is not beside this page; type `make setup`");
    }
    local ??= new engine.Local();
    const file = await open();
    await showModels([await local.add(new Uint8Array(await file.arrayBuffer()), name, served)]);
    say(`${name} is ready.`);
  }, name);
}

// The recordings ---------------------------------------------------------------------------------

function takeSounds(files) {
  const fresh = files.map((file) => new Song(file));
  songs.unshift(...fresh);
  find("results").hidden = !songs.length;
  find("answers").prepend(...fresh.map(({ article }) => article));
  for (const song of fresh) {
    song.part(".row .again").addEventListener("click", () => ask(song));
    song.part(".row .copy").addEventListener("click", () => copyAnswers([song]));
    song.part(".row .remove").addEventListener("click", () => removeSongs([song]));
    ask(song);
  }
}

function ask(song) {
  const stop = new AbortController();
  const { signal } = stop;
  const fail = ({ message }) => {
    song.problem(message);
    song.end();
    sayEnded(song, `${song.file.name}: ${message}`, !signal.aborted);
  };
  song.part(".cancel").onclick = () => stop.abort(new Error("cancelled"));
  signal.addEventListener("abort", () => fail(signal.reason)); // at once, even if its turn has not come
  if (!songs.some((other) => other.isWorking)) ended.clear();
  lacking.delete(song);
  song.begin([]);
  next(async () => {
    try {
      signal.throwIfAborted();
      await checkFile(song.file);
      const { chosen } = models; // when its turn has come: a model may have been dropped with it
      if (!chosen.length) throw find("token").hidden ? new Error("choose at least one model, then ask again") : new TokenWanted();
      song.begin(chosen);
      say(`${song.file.name}: asking ${chosen.length === 1 ? "a model" : `${chosen.length} models`} …`);
      if (chosen.some(({ source }) => source === server)) await checkLimits(song.file);
      for (const [source, some] of Map.groupBy(chosen, (model) => model.source)) {
        signal.throwIfAborted();
        await source.answers(song.file, some, (answer) => song.take(answer), { signal, onStep: (...step) => song.step(...step) });
      }
      sayEnded(song, song.end());
    } catch (error) {
      if (signal.aborted) return;
      fail(error);
      if (!(error instanceof TokenWanted)) return;
      lacking.add(song);
      if (find("token").hidden) await showModels();
    }
  });
}

/** Say what came of a recording, or of all that were asked about since there was nothing to do. */
function sayEnded(song, sentence, isError = false) {
  ended.add(song);
  if (ended.size === 1) return say(sentence, isError);
  const failed = [...ended].filter((one) => !one.hasLabel).map(({ file }) => file.name);
  const names = failed.slice(0, NAMED).join(", ") + (failed.length > NAMED ? ` and ${failed.length - NAMED} more` : "");
  const done = ended.size - failed.length;
  say(`${done} recording${done === 1 ? "" : "s"} done${failed.length ? `, ${failed.length} without an answer: ${names}` : ""}.`);
}

/** Refuse what is no recording: a folder, and a file that has gone or is empty. */
async function checkFile(file) {
  if (folders.has(file)) throw new Error("this is a folder; drop the recordings in it");
  try {
    await (file.size ? file.slice(0, 1) : file).arrayBuffer(); // one that has gone has the size 0, too
  } catch {
    throw new Error("the file cannot be read any more; choose it again");
  }
  if (!file.size) throw new Error("the file is empty");
}

/** Refuse what the server would refuse, before it is sent. */
async function checkLimits(file) {
  const { megabytes, minutes } = server.limits;
  if (file.size > 1e6 * megabytes) throw new Error(`the file has ${Math.ceil(file.size / 1e6)} MB, and this server takes up to ${megabytes} MB; save it as FLAC, Opus or MP3, or start the server with a larger \`--max-megabytes\``);
  const seconds = await lengthOf(file);
  if (seconds > 60 * minutes) throw new Error(`the recording lasts ${clock(seconds)}, and this server takes up to ${minutes} minutes; cut it, or start the server with a larger \`--max-minutes\``);
}

/** Return the seconds of a file as its header tells the browser, or NaN. */
function lengthOf(file) {
  return new Promise((resolve) => {
    const audio = new Audio();
    const end = () => {
      URL.revokeObjectURL(audio.src);
      resolve(Number.isFinite(audio.duration) ? audio.duration : NaN);
    };
    audio.addEventListener("loadedmetadata", end);
    audio.addEventListener("error", end);
    setTimeout(end, 3000);
    audio.preload = "metadata";
    audio.src = URL.createObjectURL(file);
  });
}

// The answers ------------------------------------------------------------------------------------

const answersOf = (some) => some.flatMap(({ answers }) => answers);

async function copyAnswers(some) {
  await copy(json(answersOf(some)) + "\n");
  say("Copied, one line of JSON per answer.");
}

function removeSongs(some) {
  for (const song of some) {
    if (song.isWorking) song.part(".cancel").click();
    lacking.delete(song);
    song.remove();
    songs.splice(songs.indexOf(song), 1);
  }
  find("results").hidden = !songs.length;
  (songs.length ? find("clear") : find("choose")).focus();
  say("Removed.");
}

find("csv").addEventListener("click", () => save(csv(answersOf(songs)), "answers.csv", "text/csv"));
find("copy").addEventListener("click", () => copyAnswers(songs));
find("clear").addEventListener("click", () => removeSongs([...songs]));

// What a person does -----------------------------------------------------------------------------

function takeFiles(files) {
  const isModel = (file) => file.name.toLowerCase().endsWith(".onnx") && !folders.has(file);
  for (const file of files.filter(isModel)) takeModel(file.name, () => file);
  takeSounds(files.filter((file) => !isModel(file)));
}

for (const [button, field] of [["choose", "sound"], ["add", "model"]]) {
  find(button).addEventListener("click", () => find(field).click());
  find(field).addEventListener("change", ({ target }) => {
    takeFiles([...target.files]);
    target.value = ""; // the same file can be chosen again
  });
}
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("over", kind === "dragover");
    if (kind === "drop") takeFiles(dropped(event.dataTransfer));
  });
}

function dropped({ items }) {
  return [...items].filter(({ kind }) => kind === "file").map((item) => {
    const file = item.getAsFile();
    if (item.webkitGetAsEntry()?.isDirectory) folders.add(file);
    return file;
  });
}

let stopRecording;
async function endRecording(isAsked) {
  const stop = stopRecording;
  stopRecording = undefined;
  const file = await stop?.();
  find("recorder").hidden = true;
  find("record").disabled = false;
  find("record").focus();
  if (file && isAsked) takeSounds([file]);
  else say("Discarded.");
}
find("record").addEventListener("click", async () => {
  find("record").disabled = true;
  try {
    const longest = 60 * (server?.limits.minutes ?? 30);
    stopRecording = await record((seconds, level) => {
      find("time").textContent = clock(Math.floor(seconds));
      find("level").value = level;
      if (seconds >= longest) endRecording(true);
    });
    find("recorder").hidden = false;
    find("stop").focus();
    say("Recording.");
  } catch (error) {
    find("record").disabled = false;
    say(error.message, true);
  }
});
find("stop").addEventListener("click", () => endRecording(true));
find("discard").addEventListener("click", () => endRecording(false));

find("token").addEventListener("submit", (event) => {
  event.preventDefault();
  next(async () => {
    server.token = find("secret").value.trim();
    await showModels();
    if (find("token").hidden) for (const song of lacking) ask(song);
  });
});
addEventListener("beforeunload", (event) => songs.some(({ isWorking }) => isWorking) && event.preventDefault());
// A model that was trained meanwhile is there when a person comes back to the page.
document.addEventListener("visibilitychange", () => server && !document.hidden && next(() => showModels()));

next(async () => {
  server = await connect();
  find("lead").textContent = server
    ? "Models say what they hear, and where. The server deletes a recording as soon as it has been answered."
    : "Models of yours listen in this page. Neither a model nor a recording leaves this computer.";
  find("no-models").replaceChildren(...withCode(server
    ? "No model is served yet. Type `zoo train svm --data FOLDER`; then come back to this page."
    : "Drop or choose a model.onnx that `zoo train` wrote."));
  find("add").hidden = Boolean(server);
  await showModels();
  // index.html?model=model.onnx takes a model that lies beside the page.
  const beside = new URLSearchParams(location.search).get("model");
  if (!beside) return;
  takeModel(beside, async () => {
    const found = await fetch(beside);
    if (!found.ok) throw new Error(`the server has no such file (${found.status})`);
    return found;
  });
});
