// Sources that are not registered, on ports that have a policy for them.

import { button, byId, el, setText, Table } from "./dom.js";
import { ago, bytes, count } from "./format.js";

export class Unknown {
  // add(mac) asks for a name; null if nothing can be changed here.
  constructor(add) {
    const actions = add && {
      title: "Add",
      node: ({ mac }) => button("Add…", () => add(mac), { "aria-label": `Add ${mac}` }),
    };
    this.table = new Table("Unknown sources", [
      { title: "MAC", text: ({ mac }) => mac },
      { title: "Port", text: ({ interface: port }) => port ?? "gone" },
      { title: "Packets", right: true, text: ({ packets }) => count(packets) },
      { title: "Bytes", right: true, text: (source) => bytes(source.bytes) },
      { title: "First seen", right: true, text: (source) => ago(source.first_seen) },
      { title: "Last seen", right: true, text: (source) => ago(source.last_seen) },
      ...(actions ? [actions] : []),
    ], ({ mac, interface: port }) => `${mac} ${port}`);
    this.note = el("p", { class: "hint" });
    byId("unknown").append(this.table.node, this.note);
  }

  update({ unknown: { watched, sources, more } }) {
    this.table.update(sources);
    this.table.node.hidden = sources.length === 0;
    setText(this.note, note(watched, sources, more));
  }
}

const note = (watched, sources, more) => {
  if (!watched) {
    return "They pass unseen on every port: unknown = \"drop\" or a profile under [fence] or [interface.NAME] has them noted.";
  }
  if (sources.length === 0) {
    return "None was seen.";
  }
  return more > 0 ? `${count(more)} more are not shown; camfence unknown has them.` : "";
};
