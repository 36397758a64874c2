// The ports, and a warning for each that does not enforce.

import { byId, el, setText, Table } from "./dom.js";

const at = (attached) => attached ? `${attached.hook} ${attached.mode}` : "–";

const why = (port, isAudit) => {
  if (port.ifindex === null) {
    return "there is no such interface, or the bridge has no ports";
  }
  if (port.problem) {
    return port.problem;
  }
  return isAudit && port.outbound && port.inbound ? "everything is in audit" : "nothing is attached: run camfence up";
};

const isAudit = ({ cameras }) => cameras.length > 0 && cameras.every(({ mode }) => mode === "audit");

// What is wrong with the fence, a line for each port.
export const problems = (view) => view.interfaces
  .filter(({ enforcing }) => !enforcing)
  .map((port) => `${port.name} is NOT enforcing: ${why(port, isAudit(view))}`);

export class Ports {
  constructor() {
    this.table = new Table("Ports of the fence", [
      { title: "Port", text: ({ name }) => name },
      { title: "Outbound", text: ({ outbound }) => at(outbound) },
      { title: "Inbound", text: ({ inbound }) => at(inbound) },
      { title: "Enforcing", text: ({ enforcing, why }) => enforcing ? "yes" : `NO: ${why}` },
    ], ({ name }) => name);
    this.none = el("p", { class: "hint" });
    byId("ports").append(this.table.node, this.none);
  }

  update(view) {
    this.table.update(view.interfaces.map((port) => ({ ...port, why: why(port, isAudit(view)) })));
    this.table.node.hidden = view.interfaces.length === 0;
    setText(this.none, view.interfaces.length === 0 ? "The configuration names no interface." : "");
  }
}
