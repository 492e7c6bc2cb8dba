// Python syntax colours. One pass over the text; what no rule matches stays plain.

const PYTHON = new RegExp(
  [
    "(?<comment>#[^\\n]*)",
    "(?<string>[rbfuRBFU]{0,2}(?:\"\"\"[\\s\\S]*?(?:\"\"\"|$)|'''[\\s\\S]*?(?:'''|$)|\"(?:\\\\.|[^\"\\\\\\n])*\"?|'(?:\\\\.|[^'\\\\\\n])*'?))",
    "(?<number>\\b(?:0[xXbBoO][\\da-fA-F_]+|\\d[\\d_]*\\.?\\d*(?:[eE][+-]?\\d+)?j?)\\b)",
    "(?<word>\\b[A-Za-z_]\\w*\\b)",
  ].join("|"),
  "g",
);
const KEYWORDS = new Set(
  ("and as assert async await break class continue def del elif else except finally for from global if import in is " +
    "lambda match nonlocal not or pass raise return try while with yield None True False").split(" "),
);
const TOOLS = new Set(["final_answer", "web_search"]);

function python(code) {
  const fragment = document.createDocumentFragment();
  let done = 0;
  for (const match of code.matchAll(PYTHON)) {
    const kind = kindOf(match, code);
    if (!kind) continue;
    if (match.index > done) fragment.append(says(code.slice(done, match.index)));
    fragment.append(h("span", { class: `py-${kind}` }, says(match[0])));
    done = match.index + match[0].length;
  }
  fragment.append(says(code.slice(done)));
  return fragment;
}

function kindOf(match, code) {
  const { comment, string, number, word } = match.groups;
  if (comment) return "comment";
  if (string) return "string";
  if (number) return "number";
  if (KEYWORDS.has(word)) return "keyword";
  if (TOOLS.has(word)) return "tool";
  return code[match.index + word.length] === "(" ? "call" : null;
}
