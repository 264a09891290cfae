// The choice of a dataset and of its models.

import { legend } from "./colours.js";

const AT_FIRST = 4; // models that are chosen until a person chooses others
const FEW = 20; // classes that are shown at once
const KEPT = "zoo-dataset";
const find = (id) => document.getElementById(id);
const percent = (share) => Math.round(100 * share);
const keyOf = ({ dataset, classes }) => JSON.stringify([dataset, classes]);

export class Models {
  #models = [];
  #unchosen = new Set(); // runs that a person took the tick from
  #extra = new Set(); // runs that a person ticked

  constructor() {
    find("dataset").addEventListener("change", () => {
      localStorage.setItem(KEPT, find("dataset").value);
      this.#drawModels();
    });
  }

  /** Show these models; one of those in `wanted` decides which dataset is shown. */
  show(models, wanted = []) {
    this.#models = models;
    for (const run of wanted) this.#extra.add(run);
    const select = find("dataset");
    // Published ones come first; otherwise in the order of the server, the newest first.
    const sorted = [...models].sort((a, b) => Boolean(b.published) - Boolean(a.published));
    const groups = Map.groupBy(sorted, keyOf);
    const before = select.value || localStorage.getItem(KEPT);
    select.replaceChildren(
      ...[...groups].map(([key, [one]]) => {
        const name = one.dataset_title || one.dataset || "an unnamed dataset";
        return new Option(`${name}: ${one.classes.length} classes${one.published ? ", published" : ""}`, key);
      }),
    );
    const asked = models.find(({ run }) => wanted.includes(run));
    const key = asked ? keyOf(asked) : before;
    if (groups.has(key)) select.value = key;
    find("chosen").hidden = !models.length;
    this.#drawModels();
  }

  /** The models that are to be asked. */
  get chosen() {
    return this.#ofDataset.filter((model) => this.#isChosen(model));
  }

  get #ofDataset() {
    const some = this.#models.filter((model) => keyOf(model) === find("dataset").value);
    return some.sort((a, b) => Boolean(b.published) - Boolean(a.published));
  }

  #isChosen(model) {
    const first = this.#ofDataset.filter(({ newest }) => newest).slice(0, AT_FIRST);
    return this.#extra.has(model.run) || (first.includes(model) && !this.#unchosen.has(model.run));
  }

  #drawModels() {
    const some = this.#ofDataset;
    const classes = some[0]?.classes ?? [];
    legend(find("classes"), classes, classes);
    const summary = find("of-dataset").querySelector("summary");
    const title = `${classes.length} classes`;
    // What a person has opened stays open.
    if (summary.textContent !== title) find("of-dataset").open = classes.length <= FEW;
    summary.textContent = title;
    const [now, older] = find("models").querySelectorAll("ul");
    const rows = (models) => models.map((model) => this.#row(model));
    now.replaceChildren(...rows(some.filter(({ newest }) => newest)));
    older.replaceChildren(...rows(some.filter(({ newest }) => !newest)));
    older.parentElement.hidden = !older.childElementCount;
    find("interval").hidden = !some.some(({ ci_low }) => typeof ci_low === "number");
    find("accuracy").hidden = !some.some(({ accuracy }) => typeof accuracy === "number");
  }

  #row(model) {
    const label = document.createElement("label");
    const [box, name, accuracy, small, interval] = ["input", "span", "span", "small", "small"].map((tag) => document.createElement(tag));
    box.type = "checkbox";
    box.value = model.run;
    box.checked = this.#isChosen(model);
    box.addEventListener("change", () => {
      (box.checked ? this.#extra : this.#unchosen).add(model.run);
      (box.checked ? this.#unchosen : this.#extra).delete(model.run);
    });
    small.textContent = [model.name, model.published ? "comes with the zoo" : model.run].filter(Boolean).join(" · ");
    name.append(model.title, small);
    if (typeof model.accuracy === "number") accuracy.append(`accuracy ${percent(model.accuracy)} %`, interval);
    // Without it, 90 % of ten tracks would look like 90 % of a thousand.
    const ends = typeof model.ci_low === "number" ? `${percent(model.ci_low)}–${percent(model.ci_high)} %` : "";
    interval.textContent = [ends, model.tracks && `${model.tracks} tracks`].filter(Boolean).join(", ");
    label.append(box, name, accuracy);
    const item = document.createElement("li");
    item.append(label);
    return item;
  }
}
