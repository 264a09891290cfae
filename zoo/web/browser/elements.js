// Elements of the page.

/** Return the element of the page with an id. */
export const find = (id) => document.getElementById(id);

/** Return an element, of a class or of none, such as "p.problem" or "p", with what is in it. */
export function element(kind, ...content) {
  const [tag, name] = kind.split(".");
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...content);
  return made;
}

/** Return the nodes of a sentence, with what is in backticks as code. */
export const withCode = (sentence) =>
  sentence.split("`").map((part, number) => (number % 2 ? element("code", part) : part));
