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
  const said = (element) => element.textContent.replace(/\s+/g, " ").trim();
  const rows = (table) => all("tr", table).filter((row) => !row.hidden);
  // A cell may have a second figure in small print; files get the first alone.
  const figureOf = (element) => {
    const copy = element.cloneNode(true);
    all("small", copy).forEach((second) => second.remove());
    return said(copy);
  };
  const csvText = (text) => {
    // A spreadsheet would take these for formulas, unless they are numbers.
    if (/^[=+\-@]/.test(text) && !/^[+-]?[\d.]+( %)?$/.test(text)) text = "'" + text;
    return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  // A table in a file stands alone: its last column is the board, with what was split how.
  const csv = (table) => rows(table).map((row) => {
    const cells = [...row.cells].flatMap((cell) => [csvText(figureOf(cell)), ...Array(cell.colSpan - 1).fill("")]);
    if (table.dataset.board) cells.push(csvText(row.parentNode === table.tHead ? "board" : table.dataset.board));
    return cells.join(",") + "\r\n";
  }).join("");
  const escapes = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}",
    ">": "\\textgreater{}", "|": "\\textbar{}", "±": "$\\pm$", "†": "$\\dagger$", "✓": "", "✗": "", "…": "\\dots{}",
  };
  const latexCell = (element) => {
    const text = figureOf(element)
      .replace(/[\\~^<>|±†✓✗…&%$#_{}]/g, (sign) => escapes[sign] ?? "\\" + sign)
      .replace(/^([\d.]+)-([\d.]+)$/, "$1--$2")
      .replace(/^-(?=[\d.])/, "$$-$$");
    return element.colSpan > 1 ? `\\multicolumn{${element.colSpan}}{l}{${text}}` : text;
  };
  const latex = (table) => {
    const line = (row) => "  " + [...row.cells].map(latexCell).join(" & ") + " \\\\\n";
    const heads = [...table.tHead.rows[0].cells];
    const kinds = heads.map((head) => (head.matches(".n, .v") ? "r" : "l")).join("");
    const [head, ...body] = rows(table);
    const caption = table.closest("[data-caption]")?.dataset.caption.split("\n") ?? [];
    return ["\\usepackage{booktabs}", ...caption].map((text) => `% ${text}\n`).join("") + "\\begin{tabular}{" + kinds + "}\n  \\toprule\n" + line(head)
      + "  \\midrule\n" + body.map(line).join("") + "  \\bottomrule\n\\end{tabular}\n";
  };
  const copy = async (text, what) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // not allowed for this page
      const field = make("textarea", text, "hidden");
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    document.getElementById("status").textContent = what + " copied";
  };
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
  const tools = (after, ...buttons) => {
    const bar = make("div", "", "tools");
    bar.append(...buttons);
    after.after(bar);
  };
  const tool = (text, label, act) => {
    const button = make("button", text, "tool", act);
    button.setAttribute("aria-label", label);
    return button;
  };
  all("figure.picture").forEach((figure) => {
    const { name } = figure.dataset;
    tools(figure.lastElementChild, tool("Save SVG", `Save SVG of the figure ${name}`, () => save(
      name + ".svg", "image/svg+xml", picture(figure.querySelector("svg")))));
  });
  all("table.data:not(.bare)").forEach((table) => {
    const { name } = table.dataset;
    const flash = (button, text) => {
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = text; }, 1500);
    };
    const copying = (kind, text) => tool(`Copy ${kind}`, `Copy ${kind} of the table ${name}`, (event) => {
      copy(text(table), kind);
      flash(event.currentTarget, `Copy ${kind}`);
    });
    tools(
      table.closest(".scroll"),
      copying("CSV", csv),
      tool("Save CSV", `Save CSV of the table ${name}`,
        () => save(name + ".csv", "text/csv;charset=utf-8", "\ufeff" + csv(table))),
      copying("LaTeX", latex),
      tool("Save LaTeX", `Save LaTeX of the table ${name}`,
        () => save(name + ".tex", "text/x-tex;charset=utf-8", latex(table))),
    );
  });

  // Filtering: by text, and by what the rows have as data.
  const titles = { model: "model", frontend: "front end" };
  all("table[data-filter]").forEach((table) => {
    const lines = [...table.tBodies[0].rows];
    if (lines.length < 2) return;
    const bar = make("div", "", "filter");
    const count = make("output", "", "");
    const labelled = (text, field) => {
      const label = make("label", text, "");
      label.append(field);
      bar.append(label);
      return field;
    };
    const text = labelled("Filter rows", document.createElement("input"));
    text.type = "search";
    const choices = table.dataset.filter.split(" ").filter(Boolean).map((key) => {
      const values = [...new Set(lines.map((line) => line.dataset[key]))].filter(Boolean).sort();
      if (values.length < 2) return null;
      const field = labelled(titles[key], document.createElement("select"));
      field.append(...["all", ...values].map((value, place) => new Option(value, place ? value : "")));
      return [key, field];
    }).filter(Boolean);
    const apply = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      lines.forEach((line) => {
        const content = line.textContent.toLowerCase();
        line.hidden = !words.every((word) => content.includes(word))
          || choices.some(([key, field]) => field.value && line.dataset[key] !== field.value);
      });
      const left = lines.filter((line) => !line.hidden).length;
      count.textContent = left < lines.length ? `${left} of ${lines.length} rows` : "";
    };
    bar.addEventListener("input", apply);
    bar.append(count);
    table.closest(".scroll").before(bar);
  });

  // Sorting: the best numbers first, what is empty last, equals in the order they had.
  const value = (row, place) => {
    const cell = row.cells[place];
    const text = cell?.colSpan === 1 ? said(cell) : "";  // a reason for no score stands in many columns
    const number = parseFloat(text.replace(/^[<>]/, ""));
    const isEmpty = text === "" || text === "-";
    return [isEmpty, Number.isNaN(number) || !/^[<>]?[+-]?[\d.]/.test(text) ? null : number, text];
  };
  const compare = (one, other) => {
    if (one[1] !== null && other[1] !== null) return one[1] - other[1];
    return one[2].localeCompare(other[2], "en", { numeric: true });
  };
  all("table.data:not(.plain)").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const first = head.dataset.best === "high" || (head.matches(".n") && !head.dataset.best)
        ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const button = make("button", "", "", () => {
        const order = head.getAttribute("aria-sort") === first ? second : first;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const up = order === "ascending" ? 1 : -1;
        const sorted = [...table.tBodies[0].rows].map((row) => [value(row, place), row]);
        sorted.sort(([one], [other]) => (one[0] - other[0]) || up * compare(one, other));
        table.tBodies[0].append(...sorted.map(([, row]) => row));
        table.classList.toggle("resorted", !(place === 0 && up === 1));
      });
      button.append(...head.childNodes);
      head.append(button);
    });
  });

  addEventListener("beforeprint", () => all("details").forEach((one) => { one.open = true; }));

  // The menu marks the section that is read.
  const links = all("nav a");
  const places = links.map((link) => document.getElementById(link.hash.slice(1)));
  const mark = () => {
    const line = document.querySelector("nav").getBoundingClientRect().bottom + innerHeight / 4;
    const isEnd = scrollY > 0 && innerHeight + scrollY >= root.scrollHeight - 2;
    const here = isEnd ? links.length - 1
      : Math.max(0, places.findLastIndex((place) => place.getBoundingClientRect().top <= line));
    links.forEach((link, place) => {
      if ((place === here) === link.hasAttribute("aria-current")) return;
      if (place !== here) { link.removeAttribute("aria-current"); return; }
      link.setAttribute("aria-current", "true");
      const list = link.closest("ul");
      list.scrollTo({ left: link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2 });
    });
  };
  if (links.length) {
    let waiting = false;
    const later = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; mark(); });
    };
    ["scroll", "resize"].forEach((event) => addEventListener(event, later, { passive: true }));
    mark();
  }

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
    const sentence = `${box.textContent} tracks that ${name(right)} classifies correctly and ${name(wrong)} does not.`;
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
