// Makes and updates elements. Text is only ever text: none of it is read as HTML.

const SVG = "http://www.w3.org/2000/svg";

const filled = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children);
  return node;
};

// An element with attributes and children, of which strings become text.
export const el = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

// Sets a text, and leaves alone what is right already: a screen reader says what changes.
export const setText = (node, text) => {
  if (node.textContent !== text) {
    node.textContent = text;
  }
};

export const button = (text, act, attributes = {}) => {
  const node = el("button", { type: "button", ...attributes }, text);
  node.addEventListener("click", act);
  return node;
};

// Shows items, each by a part { node, update(item) } that stays as long as its key is there, and with
// it the focus.
export class List {
  constructor(parent, keyOf, make) {
    Object.assign(this, { parent, keyOf, make, parts: new Map() });
  }

  update(items) {
    const keys = new Set(items.map(this.keyOf));
    for (const [key, part] of this.parts) {
      if (!keys.has(key)) {
        part.node.remove();
        this.parts.delete(key);
      }
    }
    items.forEach((item, index) => {
      const key = this.keyOf(item);
      if (!this.parts.has(key)) {
        this.parts.set(key, this.make(item));
      }
      const part = this.parts.get(key);
      part.update(item);
      if (this.parent.children[index] !== part.node) {
        this.parent.insertBefore(part.node, this.parent.children[index] ?? null);
      }
    });
  }
}

// A table that becomes a list of small tables on a phone. The roles are said because styles that change
// how a table is laid out take them away.
export class Table {
  // columns: { title, text(item) } or { title, node(item) }, and right: true for numbers.
  constructor(caption, columns, keyOf) {
    const titles = columns.map(({ title, right }) =>
      el("th", { scope: "col", role: "columnheader", class: right && "right" }, title));
    const body = el("tbody", { role: "rowgroup" });
    this.node = el("table", { role: "table", class: "stacks" },
      el("caption", { class: "unseen" }, caption),
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...titles)),
      body);
    this.list = new List(body, keyOf, (item) => row(columns, item));
  }

  update(items) {
    this.list.update(items);
  }
}

const row = (columns, first) => {
  const cells = columns.map(({ title, right, node }) =>
    el("td", { role: "cell", class: right && "right", "data-title": !node && title }, ...(node ? [node(first)] : [])));
  const update = (item) => columns.forEach(({ text }, index) => {
    if (text) {
      setText(cells[index], text(item));
    }
  });
  return { node: el("tr", { role: "row" }, ...cells), update };
};
