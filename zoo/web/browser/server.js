// The models of `zoo serve`, asked through its JSON interface.

const KEPT = "zoo-token";
const TOKEN = /^[!-~]+$/; // zoo/web/token.py

export class TokenWanted extends Error {
  constructor() {
    super(sessionStorage.getItem(KEPT) ? "the token has changed; give the new one" : "this server wants a token; give it");
  }
}

/** Return the server of this page, or undefined if only files are served here. */
export async function connect() {
  const answer = await fetch("api/models", { headers: authorization() }).catch(() => undefined);
  const isJson = answer?.headers.get("content-type")?.startsWith("application/json");
  return isJson ? new Server() : undefined;
}

class Server {
  limits = {};

  /** Keep a token until the tab is closed; what no header can carry is refused. */
  set token(token) {
    if (!TOKEN.test(token)) throw new Error("a token has letters, digits and signs of ASCII only, such as \" and not “, and no spaces");
    sessionStorage.setItem(KEPT, token);
  }

  async models() {
    const [models, limits] = await Promise.all([ask("api/models"), ask("api/limits")]);
    this.limits = limits;
    return models;
  }

  /**
   * Ask models about a file. `onAnswer` receives each answer, `onStep` the words and the share of
   * what is done.
   */
  answers(file, models, onAnswer, { signal, onStep }) {
    const query = new URLSearchParams([...models.map(({ run }) => ["model", run]), ["timeline", "true"], ["waveform", "true"], ["progress", "true"]]);
    const form = new FormData();
    form.append("file", file, file.name);
    // fetch does not tell how much it has sent.
    const request = new XMLHttpRequest();
    request.open("POST", `api/batch?${query}`);
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    let read = 0;
    let count = 0;
    const takeLines = () => {
      if (request.status !== 200) return;
      for (let end; (end = request.responseText.indexOf("\n", read)) >= 0; read = end + 1) {
        const line = request.responseText.slice(read, end);
        if (!line.trim()) continue;
        const { progress, ...answer } = JSON.parse(line);
        if (progress === undefined) {
          count++;
          onAnswer({ ...answer, path: file.name }); // the server shortens long names
        }
        onStep("Listening", (count + (progress ?? 0)) / models.length);
      }
    };
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => request.abort());
      request.upload.onprogress = ({ loaded, total }) => onStep("Sending", loaded / total);
      request.upload.onload = () => onStep("Sent, waiting for the server", null);
      request.onprogress = takeLines;
      request.onload = () => {
        if (request.status !== 200) return reject(refusal(request.status, request.responseText));
        takeLines();
        resolve();
      };
      request.onerror = () => reject(new Error("the server cannot be reached, or has closed the connection"));
      request.onabort = () => reject(signal.reason);
      request.send(form);
    });
  }
}

async function ask(address) {
  const answer = await fetch(address, { headers: authorization() });
  const text = await answer.text();
  if (!answer.ok) throw refusal(answer.status, text);
  return JSON.parse(text);
}

function authorization() {
  const token = sessionStorage.getItem(KEPT) ?? "";
  return TOKEN.test(token) ? { Authorization: `Bearer ${token}` } : {};
}

/** Return what the server says against it, as an error. */
function refusal(status, text) {
  if (status === 401) return new TokenWanted();
  let sentence = `the server answers with the status ${status}`;
  try {
    sentence = JSON.parse(text).error ?? sentence;
  } catch {
    // Not JSON: of a proxy, which says nothing that a person should read.
  }
  return new Error(sentence);
}
