"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, text, className, act) => {
    const element = document.createElement(name);
    element.textContent = text;
    element.className = className;
    if (name === "button") element.type = "button";
    if (act) element.addEventListener("click", act);
    return element;
  };
  all(".needs-script").forEach((element) => { element.hidden = false; });

  // Theme. A page from disk may be denied a memory.
  const remember = (value) => { try { localStorage.setItem("zoo-theme", value); } catch { /* not kept */ } };
  const recall = () => { try { return localStorage.getItem("zoo-theme"); } catch { return null; } };
  const choose = (value) => {
    root.dataset.theme = value;
    all("input[name=theme]").forEach((input) => { input.checked = input.value === value; });
  };
  if (["light", "dark"].includes(recall())) choose(recall());
  all("input[name=theme]").forEach((input) => input.addEventListener("change", () => {
    choose(input.value);
    remember(input.value);
  }));

  // Saving.
  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const cell = (element) => {
    let text = element.textContent.replace(/\s+/g, " ").trim();
    // A spreadsheet would take these for formulas, unless they are numbers.
    if (/^[=+\-@]/.test(text) && !/^[+-]?[\d.]+( %)?$/.test(text)) text = "'" + text;
    return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const csv = (table) => all("tr", table)
    .filter((row) => !row.hidden)
    .map((row) => [...row.cells].map(cell).join(",") + "\r\n")
    .join("");
  const light = () => {
    const probe = make("div", "", "");
    probe.dataset.theme = "light";
    root.append(probe);
    const style = getComputedStyle(probe);
    const found = (name) => style.getPropertyValue(name).trim();
    const colours = new Proxy({}, { get: (_, name) => found(name) });
    return [colours, () => probe.remove()];
  };
  const picture = (svg) => {
    const copy = svg.cloneNode(true);
    const box = svg.viewBox.baseVal;
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", box.width);
    copy.setAttribute("height", box.height);
    all(".playhead", copy).forEach((line) => line.remove());
    const [colours, done] = light();
    const text = new XMLSerializer().serializeToString(copy)
      .replace(/var\((--[\w-]+)\)/g, (_, name) => colours[name])
      .replaceAll("currentColor", colours["--ink"]);
    done();
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + text;
  };
  const tools = (after, button) => {
    const bar = make("div", "", "tools");
    bar.append(button);
    after.after(bar);
  };
  all("figure.picture").forEach((figure) => {
    const button = make("button", "Save SVG", "tool", () => save(
      figure.dataset.name + ".svg", "image/svg+xml", picture(figure.querySelector("svg"))));
    button.setAttribute("aria-label", "Save " + figure.dataset.name + " as SVG");
    tools(figure.lastElementChild, button);
  });
  all("table.data").forEach((table) => {
    const button = make("button", "Save CSV", "tool", () => save(
      table.dataset.name + ".csv", "text/csv;charset=utf-8", "\ufeff" + csv(table)));
    button.setAttribute("aria-label", "Save the table " + table.dataset.name + " as CSV");
    tools(table.closest(".scroll"), button);
  });

  // Sorting: numbers as numbers, what is empty last, equals in the order they had.
  const value = (row, place) => {
    const text = row.cells[place] ? row.cells[place].textContent.trim() : "";
    const number = parseFloat(text);
    return [text === "", Number.isNaN(number) || !/^[+-]?[\d.]/.test(text) ? null : number, text];
  };
  const compare = (one, other) => {
    if (one[1] !== null && other[1] !== null) return one[1] - other[1];
    return one[2].localeCompare(other[2], "en", { numeric: true });
  };
  all("table.data:not(.plain)").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = make("button", "", "", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows].map((row) => [value(row, place), row]);
        rows.sort(([one], [other]) => (one[0] - other[0]) || (up ? 1 : -1) * compare(one, other));
        table.tBodies[0].append(...rows.map(([, row]) => row));
        table.classList.toggle("resorted", !(place === 0 && up));
      });
      button.append(...head.childNodes);
      head.append(button);
    });
  });

  // A pair of models chooses the tracks on which they differ.
  const pick = document.getElementById("pick");
  const lines = all("table.answers tbody tr");
  const cells = all("td[data-right]");
  const show = (right, wrong, sentence) => {
    lines.forEach((line) => {
      const flags = line.dataset.r;
      line.hidden = right !== null && !(flags[right] === "1" && flags[wrong] === "0");
    });
    pick.replaceChildren();
    if (right === null) return;
    pick.append(sentence + " ", make("button", "Show all", "tool", () => {
      all("button", document.querySelector("#apart .matrix")).forEach(
        (other) => other.setAttribute("aria-pressed", "false"));
      show(null);
    }));
  };
  cells.forEach((box) => {
    const { right, wrong } = box.dataset;
    const table = box.closest("table");
    const name = (place) => table.tBodies[0].rows[place].cells[0].textContent;
    const sentence = `${box.textContent} tracks that ${name(right)} gets right and ${name(wrong)} wrong.`;
    const button = make("button", box.textContent, "", () => {
      all("button", table).forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      show(right, wrong, sentence);
    });
    button.setAttribute("aria-label", sentence);
    button.setAttribute("aria-pressed", "false");
    box.replaceChildren(button);
  });

  // While an excerpt plays, a line runs through its picture, and the others are silent.
  const players = all("audio");
  players.forEach((player) => {
    const svg = player.parentElement.querySelector("svg[data-scale]");
    const head = svg && svg.querySelector(".playhead");
    const move = () => {
      if (!head) return;
      const at = 108 + (Number(svg.dataset.start) + player.currentTime) * Number(svg.dataset.scale);
      head.setAttribute("x1", at);
      head.setAttribute("x2", at);
      head.setAttribute("visibility", player.currentTime > 0 ? "visible" : "hidden");
      if (!player.paused) requestAnimationFrame(move);
    };
    player.addEventListener("play", () => {
      players.forEach((other) => { if (other !== player) other.pause(); });
      move();
    });
    ["pause", "seeked", "ended"].forEach((event) => player.addEventListener(event, move));
  });
})();
