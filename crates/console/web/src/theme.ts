// Light or dark: as the system has it, until the person chooses.

const KEY = "tidegate-theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function chosen(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function isDark(): boolean {
  const choice = chosen();
  return choice === null ? dark.matches : choice === "dark";
}

/** Applies the theme now and calls `changed` whenever it changes. Gives the function that toggles it. */
export function setUpTheme(changed: () => void): () => void {
  const apply = (): void => {
    document.documentElement.dataset["theme"] = isDark() ? "dark" : "light";
  };
  apply();
  dark.addEventListener("change", () => {
    apply();
    changed();
  });
  return () => {
    try {
      localStorage.setItem(KEY, isDark() ? "light" : "dark");
    } catch {
      // Storage is forbidden: the theme lasts as long as the page.
      document.documentElement.dataset["theme"] = document.documentElement.dataset["theme"] === "dark" ? "light" : "dark";
      changed();
      return;
    }
    apply();
    changed();
  };
}

/** A colour of the style sheet, for the canvas. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
