// Answers as text: what `zoo predict` prints as JSON and as CSV, and times.

const COLUMNS = ["path", "label", "label_mean", "confidence", "windows", "seconds", "reason", "error", "run", "guess", "silent", "unlike", "heard", "band"];
const FORMULA = /^[=+\-@\t\r]/; // for a spreadsheet, unless there is a blank in front: zoo/inference/label_sheet.py

/** Return how long something lasts, such as 3:07. */
export function clock(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Return answers as JSON, one per line, without what only the page needs. */
export function json(answers) {
  return answers.map(({ file, waveform, seconds_taken, ...answer }) => JSON.stringify(answer)).join("\n");
}

/** Return answers as a table with a header. */
export function csv(answers) {
  const rows = [COLUMNS, ...answers.map((answer) => COLUMNS.map((name) => answer[name]))];
  return rows.map((row) => row.map(cell).join(",") + "\n").join("");
}

function cell(value) {
  let text = typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value ?? "");
  if (typeof value === "string" && FORMULA.test(text)) text = ` ${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Copy a text, also where the page has no right to the clipboard. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

/** Let the browser save a text as a file. */
export function save(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
