"use strict";
// Building the page. Every text becomes a text node; no string is ever read as markup, style or script.

// The viewer's own pages, by their place beside this one.
const BESIDE = /^(\.|\.\.|\.\.\/\.\.)\/((run\/[\w.%~!'()*-]+|compare)\/)?(#[^\s]*)?$/;
const SVG_SPACE = "http://www.w3.org/2000/svg";

function h(tag, props, ...children) {
  return filled(document.createElement(tag), props, children);
}

function svg(tag, props, ...children) {
  return filled(document.createElementNS(SVG_SPACE, tag), props, children);
}

function filled(element, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "value") {
      element.value = value;
    } else {
      if (name === "href" && !String(value).startsWith("#") && !BESIDE.test(value)) {
        throw new Error("a link may only lead to a place in this page or to a page beside it");
      }
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

// Characters that are invisible, or that turn the order of the others around. Joiners (200c, 200d) are part of words.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

// Text that others wrote, each hidden character spelt out.
function says(text) {
  const fragment = document.createDocumentFragment();
  const whole = String(text).replace(/\r\n/g, "\n");
  let done = 0;
  for (const match of whole.matchAll(HIDDEN)) {
    if (match.index > done) fragment.append(whole.slice(done, match.index));
    fragment.append(h("span", { class: "hidden-char" }, spelt(match[0])));
    done = match.index + match[0].length;
  }
  if (done < whole.length) fragment.append(whole.slice(done));
  return fragment;
}

function spelt(char) {
  const code = char.codePointAt(0);
  return code === 27 ? "ESC" : "U+" + code.toString(16).toUpperCase().padStart(4, "0");
}

// The same for places that take plain text only, such as titles of options.
function plainly(text) {
  return String(text).replace(HIDDEN, (char) => `‹${spelt(char)}›`);
}

const SHOWN_CHARS = 12000;

// A block of text: long ones begin folded, huge ones are cut until asked for.
function textBlock(text, { className = "", draw = says, lines = 28 } = {}) {
  const box = h("div", { class: `text ${className}` });
  const body = h("pre", { tabindex: "-1" });
  box.append(body);
  const nLines = text.split("\n", lines + 2).length;
  const isCut = text.length > SHOWN_CHARS;
  body.append(draw(isCut ? text.slice(0, SHOWN_CHARS) : text));
  if (nLines <= lines && !isCut) return box;
  box.classList.add("folded");
  const size = isCut ? `${count(text.length)} characters` : `${text.split("\n").length} lines`;
  const open = h("button", { class: "unfold", type: "button", "aria-expanded": "false" }, `Show all ${size}`);
  open.addEventListener("click", () => {
    const isOpen = box.classList.toggle("folded") === false;
    if (isOpen && isCut && body.dataset.whole === undefined) {
      body.dataset.whole = "";
      replace(body, draw(text));
    }
    open.textContent = isOpen ? "Show less" : `Show all ${size}`;
    open.setAttribute("aria-expanded", String(isOpen));
  });
  box.append(open);
  return box;
}
