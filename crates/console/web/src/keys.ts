// What the keyboard does. The help on the page lists the same.

import { byId } from "./dom";

export interface Keys {
  theme(): void;
  span(index: number): void;
  live(): void;
  search(): void;
  kind(): void;
  decision(by: number): void;
  mark(by: number): void;
  cursor(rows: number): void;
  escape(): void;
}

export function setUpKeys(keys: Keys): void {
  const help = byId<HTMLDialogElement>("help");
  byId("help-open").addEventListener("click", () => help.showModal());
  byId("help-close").addEventListener("click", () => help.close());
  byId("charts").addEventListener("keydown", (event) => {
    const rows = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30, Home: -1e9, End: 1e9 }[event.key];
    if (rows !== undefined) {
      event.preventDefault();
      keys.cursor(event.shiftKey ? rows * 10 : rows);
    }
  });
  document.addEventListener("keydown", (event) => {
    const at = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) {
      return;
    }
    if (at.matches("input")) {
      if (event.key === "Escape") {
        at.blur();
      }
      return;
    }
    const simple: Record<string, () => void> = {
      "?": () => help.showModal(),
      "/": () => keys.search(),
      t: () => keys.theme(),
      l: () => keys.live(),
      a: () => keys.kind(),
      j: () => keys.decision(1),
      k: () => keys.decision(-1),
      "[": () => keys.mark(-1),
      "]": () => keys.mark(1),
      c: () => byId("charts").focus(),
      Escape: () => keys.escape(),
    };
    const act = simple[event.key] ?? (/^[1-5]$/.test(event.key) ? () => keys.span(Number(event.key) - 1) : undefined);
    if (act) {
      event.preventDefault();
      act();
    }
  });
}
