// The choice of a dataset and of its models.

import { legend } from "./colours.js";
import { element, find } from "./elements.js";

const AT_FIRST = 4; // models that are chosen until a person chooses others
const FEW = 20; // classes that are shown at once
const KEPT = "zoo-dataset";
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
    // Published ones come first; otherwise in the order of the server, the newest first.
    this.#models = [...models].sort((a, b) => Boolean(b.published) - Boolean(a.published));
    for (const run of wanted) this.#extra.add(run);
    const select = find("dataset");
    const groups = Map.groupBy(this.#models, keyOf);
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
    return this.#models.filter((model) => keyOf(model) === find("dataset").value);
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
    const box = element("input");
    box.type = "checkbox";
    box.value = model.run;
    box.checked = this.#isChosen(model);
    box.addEventListener("change", () => {
      (box.checked ? this.#extra : this.#unchosen).add(model.run);
      (box.checked ? this.#unchosen : this.#extra).delete(model.run);
    });
    const origin = [model.name, model.published ? "comes with the zoo" : model.run].filter(Boolean).join(" · ");
    const accuracy = element("span");
    // Without the interval, 90 % of ten tracks would look like 90 % of a thousand.
    const ends = typeof model.ci_low === "number" ? `${percent(model.ci_low)}–${percent(model.ci_high)} %` : "";
    const interval = [ends, model.tracks && `${model.tracks} tracks`].filter(Boolean).join(", ");
    if (typeof model.accuracy === "number") accuracy.append(`accuracy ${percent(model.accuracy)} %`, element("small", interval));
    return element("li", element("label", box, element("span", model.title, element("small", origin)), accuracy));
  }
}
