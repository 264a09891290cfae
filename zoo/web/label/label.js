// Each answer is sent at once, and the server writes it into the table before it replies.
const at = (id) => document.getElementById(id);
const player = at("player");
const KEYS = [..."1234567890"]; // of the first classes
let page = null; // what the server says
let current = null; // number of the recording that is shown
const skipped = new Set();
const history = []; // numbers that got a label here, or were skipped

async function ask(address, body) {
  const sent = body && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const answer = await fetch(address, sent);
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

function complain(sentence) {
  at("problem").textContent = sentence;
  at("problem").hidden = !sentence;
}

function make(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function show() {
  const left = page.recordings.filter((each) => !each.label && !skipped.has(each.number));
  const answered = page.recordings.filter((each) => each.label).length;
  const total = page.recordings.length;
  at("bar").max = total;
  at("bar").value = answered;
  at("progress").textContent = `${answered} of ${total} have a label`
    + (skipped.size ? `, ${skipped.size} skipped` : "");
  at("back").disabled = at("undo").disabled = !history.length;
  if (current === null || !left.some((each) => each.number === current)) {
    current = left.length ? left[0].number : null;
  }
  at("recording").hidden = current === null;
  at("done").hidden = current !== null;
  if (current === null) finish(answered, total);
  else present(page.recordings[current]);
}

function present(recording) {
  const position = page.recordings.indexOf(recording) + 1;
  at("name").textContent = recording.name;
  at("where").textContent = [
    `Recording ${position} of ${page.recordings.length}`, `folder ${recording.folder}`,
    recording.group && `group ${recording.group}, a guess`,
  ].filter(Boolean).join(" · ");
  const sure = Math.round(100 * Number(recording.confidence.replace(",", ".")));
  at("guess").replaceChildren(
    `${page.model} guesses `, make("strong", recording.guess || "nothing"),
    Number.isFinite(sure) && recording.confidence ? `, ${sure} %` : "",
  );
  at("reason").textContent = recording.reason && `Why this one: ${recording.reason}`;
  at("classes").replaceChildren(...page.classes.map((name, place) => {
    const button = make("button", "");
    button.type = "button";
    button.append(make("span", ""));
    // crackling_fire breaks at the underscore, if anywhere.
    button.firstChild.append(...name.split(/(?<=_)/).flatMap((part, n) => (n ? [document.createElement("wbr"), part] : [part])));
    if (name === recording.guess) {
      button.firstChild.append(make("span", "(the guess)"));
      button.firstChild.lastChild.className = "unseen"; // it has a frame
    }
    if (place < KEYS.length) {
      button.append(make("kbd", KEYS[place]));
      button.lastChild.ariaHidden = "true"; // aria-keyshortcuts says it
      button.setAttribute("aria-keyshortcuts", KEYS[place]);
    }
    button.classList.toggle("guessed", name === recording.guess);
    button.addEventListener("click", () => give(name));
    return button;
  }));
  at("typed").value = "";
  const source = `sound/${recording.number}`;
  if (!player.src.includes(`/${source}`) || player.dataset.number !== String(recording.number)) {
    player.dataset.number = recording.number;
    player.src = source;
    player.play().catch(() => {}); // browsers may wait for the first click
  }
}

// What a browser cannot play, the server decodes for it.
player.addEventListener("error", () => {
  const decoded = `sound/${player.dataset.number}.wav`;
  if (player.src.endsWith(decoded)) {
    complain(`${at("name").textContent} cannot be played; skip it`);
  } else if (current !== null) {
    player.src = decoded;
    player.play().catch(() => {});
  }
});

function finish(answered, total) {
  player.pause();
  player.removeAttribute("src");
  delete player.dataset.number;
  at("ready").textContent = answered === total
    ? `All ${total} recordings have a label` : `${answered} of ${total} recordings have a label`;
  at("lack").textContent = page.lack;
  at("lack").hidden = !page.lack;
  at("train").hidden = at("copy").hidden = Boolean(page.lack);
  at("command").textContent = page.command;
  at("table").textContent = page.table;
  at("again").hidden = !skipped.size;
  at("ready").focus();
}

let busy = false;
async function give(label, number = current) {
  if (busy || number === null) return;
  busy = true;
  try {
    page = await ask("labels", { number, label });
    complain("");
    if (label) history.push(number);
    show();
    if (label && current !== null) at("name").focus({ preventScroll: true });
  } catch (error) {
    complain(`${error.message}. The label was not written.`);
  } finally {
    busy = false;
  }
}

function skip() {
  if (current === null) return;
  skipped.add(current);
  history.push(current);
  complain("");
  show();
}

async function undo() {
  if (busy || !history.length) return;
  const number = history.pop();
  if (skipped.delete(number)) {
    current = number;
    show();
  } else {
    current = number;
    page.recordings[number].label = "";
    await give("", number);
  }
}

at("other").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = at("typed").value.trim();
  if (typed) give(typed);
});
at("skip").addEventListener("click", skip);
at("back").addEventListener("click", undo);
at("undo").addEventListener("click", undo);
at("again").addEventListener("click", () => {
  skipped.clear();
  show();
});
at("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(page.command);
    at("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(at("command"));
  }
});

addEventListener("keydown", (event) => {
  const typing = event.target.matches("input");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "u") undo();
  if (current === null) return;
  if (event.key === "s") skip();
  else if (event.key === "o") {
    event.preventDefault();
    at("typed").focus();
  } else if (event.key === " " && !event.target.matches("button, audio")) {
    event.preventDefault();
    if (player.paused) player.play().catch(() => {});
    else player.pause();
  } else if (KEYS.includes(event.key)) {
    const name = page.classes[KEYS.indexOf(event.key)];
    if (name) give(name);
  }
});

ask("recordings").then((found) => {
  page = found;
  show();
}, (error) => complain(`The server does not answer: ${error.message}`));
