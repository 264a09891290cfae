// The server deletes a song as soon as it has answered, so the page keeps it for the next question.
let zooKept = null;

async function zooSend(song, models) {
  if (!song) {
    zooKept = null;
    return [null, "", models];
  }
  let ticket = song.path;
  if (zooKept?.path === song.path) {
    const form = new FormData();
    form.append("file", zooKept.content, song.orig_name ?? "song");
    const answer = await fetch("gradio_api/upload", { method: "POST", body: form });
    ticket = answer.ok ? (await answer.json())[0] : "gone";
  } else {
    zooKept = { path: song.path, content: await (await fetch(song.url)).blob() };
  }
  return [null, ticket, models];
}

// Gradio's chooser would offer fewer kinds of files, and refuse the others by the type that the
// browser guesses. The server looks at the bytes.
function zooChooser(event) {
  return event.target.closest?.("#song")?.querySelector("input[type=file]");
}

function zooTake(input, files) {
  const taken = new DataTransfer();
  for (const file of files) {
    taken.items.add(new File([file], file.name, { type: "audio/*" }));
  }
  input.files = taken.files;
}

addEventListener("click", (event) => {
  const input = zooChooser(event);
  if (input) {
    input.accept = zooSuffixes;
  }
}, true);

addEventListener("change", (event) => {
  if (event.target === zooChooser(event)) {
    zooTake(event.target, event.target.files);
  }
}, true);

addEventListener("drop", (event) => {
  const input = zooChooser(event);
  if (input && event.dataTransfer?.files.length) {
    event.preventDefault();
    event.stopPropagation();
    zooTake(input, event.dataTransfer.files);
    input.dispatchEvent(new Event("change"));
  }
}, true);
