// What is asked before something changes.

import { change, worded } from "./api.js";
import { button, byId, el, setText } from "./dom.js";

// Shows a form; what it asks for is sent when it is submitted, and the dialog stays if that is refused.
const show = (title, fields, verb, request, done) => {
  const dialog = byId("dialog");
  const problem = el("p", { class: "problem", role: "alert" });
  const submit = el("button", { type: "submit", class: "main" }, verb);
  const form = el("form", {},
    el("h2", { id: "dialog-title" }, title), ...fields, problem,
    el("div", { class: "actions" }, button("Cancel", () => dialog.close()), submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await change(request());
      dialog.close();
      done();
    } catch (refusal) {
      setText(problem, worded(refusal));
    }
    submit.disabled = false;
  });
  dialog.replaceChildren(form);
  dialog.showModal();
};

const field = (id, label, input) => [el("label", { for: id }, label), input];

export const open = ({ name, mac }, done) => {
  const minutes = el("input", {
    id: "minutes", type: "number", min: "1", max: "1440", value: "10", required: true, inputmode: "numeric",
  });
  const fields = [
    el("p", {}, "Everything of this camera passes for that long, wherever it goes. Then it is fenced again by itself."),
    ...field("minutes", "Minutes", minutes),
  ];
  const request = () => ({ verb: "open", camera: mac, seconds: Math.round(Number(minutes.value) * 60) });
  show(`Open the fence for ${name}`, fields, "Open", request, done);
  minutes.select();
};

export const remove = ({ name, mac }, done) => {
  const text = `It is taken out of the configuration and the fence, with its counters. What it sends is then judged as that of any other device.`;
  show(`Remove ${name}?`, [el("p", {}, text)], "Remove", () => ({ verb: "remove", camera: mac }), done);
};

export const add = (known, profiles, done) => {
  const mac = el("input", {
    id: "mac", value: known, required: true, autocomplete: "off", spellcheck: "false", autocapitalize: "none",
    placeholder: "b0:c5:54:25:5b:0e", maxlength: "32",
  });
  const name = el("input", { id: "name", required: true, autocomplete: "off", maxlength: "64", placeholder: "driveway" });
  const profile = el("select", { id: "profile" }, ...profiles.map((text) => el("option", {}, text)));
  const fields = [...field("mac", "MAC", mac), ...field("name", "Name", name), ...field("profile", "Profile", profile)];
  const request = () => ({ verb: "add", mac: mac.value.trim(), name: name.value.trim(), profile: profile.value });
  show("Add a camera", fields, "Add", request, done);
  (known ? name : mac).focus();
};
