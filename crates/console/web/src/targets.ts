// The list of targets, where there is more than one.

import type { Target, TargetPage } from "./api";
import { byId, h, setText } from "./dom";
import * as format from "./format";

const HEALTH: Record<string, string> = {
  ok: "fine",
  failing: "a source fails",
  held: "held: something is not known",
  paused: "paused",
  starting: "no decision yet",
};

export class Targets {
  private readonly list = byId("targets");
  private readonly search = byId<HTMLInputElement>("search");
  private shape = "";

  constructor(searched: () => void) {
    this.search.addEventListener("input", searched);
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "ArrowDown") {
        event.preventDefault();
        this.list.querySelector("a")?.focus();
      }
    });
    this.list.addEventListener("keydown", (event) => this.key(event));
  }

  get wanted(): string {
    return this.search.value.trim();
  }

  focusSearch(): boolean {
    const shown = !byId("nav").hidden;
    if (shown) {
      this.search.focus();
    }
    return shown;
  }

  show(page: TargetPage, selected: string | null): void {
    byId("nav").hidden = page.total < 2;
    document.body.classList.toggle("many", page.total >= 2);
    setText(byId("target-count"), page.matching === page.total ? `${page.total}` : `${page.matching} of ${page.total}`);
    setText(byId("targets-note"), page.targets.length < page.matching ? `${page.matching - page.targets.length} more: search for them` : page.matching === 0 ? "No target has this in its name." : "");
    const shape = page.targets.map((target) => target.id).join("\n");
    if (shape !== this.shape) {
      this.shape = shape;
      this.list.replaceChildren(...page.targets.map(row));
    }
    page.targets.forEach((target, index) => fill(this.list.children[index] as HTMLElement, target, target.id === selected));
  }

  private key(event: KeyboardEvent): void {
    const links = [...this.list.querySelectorAll("a")];
    const current = links.indexOf(document.activeElement as HTMLAnchorElement);
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by !== 0 && current >= 0) {
      event.preventDefault();
      (links[current + by] ?? (by < 0 ? this.search : links[current]))?.focus();
    }
  }
}

function row(target: Target): HTMLLIElement {
  const link = h(
    "a",
    { href: `#/${target.id}` },
    h("i", { class: "dot", "aria-hidden": "true" }),
    h("span", { class: "name" }, target.name, h("small", {}, target.namespace)),
    h("span", { class: "count" }),
    h("span", { class: "sub" }),
    h("span", { class: "unseen health" }),
  );
  return h("li", {}, link);
}

function fill(element: HTMLElement, target: Target, selected: boolean): void {
  const link = element.querySelector("a") as HTMLAnchorElement;
  link.dataset["health"] = target.health;
  if (selected) {
    link.setAttribute("aria-current", "page");
  } else {
    link.removeAttribute("aria-current");
  }
  const part = (name: string): Element => link.querySelector(`.${name}`) as Element;
  setText(part("count"), format.number(target.desired ?? target.counts?.replicas));
  setText(part("sub"), target.lag === null ? "" : `lag ${format.axis(target.lag)}`);
  setText(part("health"), HEALTH[target.health] ?? target.health);
}
