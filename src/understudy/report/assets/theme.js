// Light or dark: as the system says, or as the reader chose.

function themeButton() {
  const button = h("button", { type: "button", class: "theme", "aria-label": "Change between light and dark" }, "◐");
  button.addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark", true));
  return button;
}

function storedTheme() {
  try {
    return localStorage.getItem("understudy-theme");
  } catch {
    return null; // a mailed file may have no storage
  }
}

function setTheme(theme, isChosen) {
  document.documentElement.dataset.theme = theme;
  if (!isChosen) return;
  try {
    localStorage.setItem("understudy-theme", theme);
  } catch {
    return;
  }
}

function followTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(storedTheme() || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => storedTheme() || setTheme(dark.matches ? "dark" : "light"));
}
