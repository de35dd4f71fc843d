// The figures of the chosen target, above its panels.

import type { Target, Trigger } from "./api";
import { byId, h, setText } from "./dom";
import * as format from "./format";

let skew = 0;

/** The server's clock against this one, so that ages are right on a machine whose clock is off. */
export function setServerTime(now: string): void {
  skew = Date.parse(now) - Date.now();
}

export function serverNow(): number {
  return Date.now() + skew;
}

function field(name: string, text: string): void {
  const element = document.querySelector(`[data-field="${name}"]`);
  if (element) {
    setText(element, text);
  }
}

export function showSummary(target: Target): void {
  byId("summary").hidden = false;
  field("name", target.name);
  field("where", `${target.namespace} · ${target.kind} ${target.workload}${target.mode === "direct" ? "" : ` · mode ${target.mode}`}`);
  field("desired", format.number(target.desired));
  const counts = target.counts;
  field("counts", counts ? `${counts.current} running, ${counts.ready} ready` : "workload not known");
  const { min, max, idle, useful } = target.limits;
  const limits = [`min ${min}`, `max ${max}`, idle === undefined ? "" : `idle ${idle}`, useful === undefined ? "" : `useful ${useful}`];
  field("limits", limits.filter((part) => part !== "").join(" · "));
  field("lag", format.number(target.lag));
  field("produced", format.rate(target.producedPerSecond));
  field("consumed", format.rate(target.consumedPerSecond));
  field("headline", target.headline?.replace(`${target.id}: `, "") ?? "No decision yet");
  field("bound", target.boundBy === null || target.boundBy === "none" ? "nothing binds" : `bound by ${format.rule(target.boundBy)}`);
  const state = byId("state");
  state.dataset["health"] = target.health === "ok" && !target.active ? "inactive" : target.health;
  setText(state, { ok: target.active ? "active" : "inactive", failing: "source failing", held: "held", paused: "paused", starting: "starting" }[target.health]);
  showTriggers(target.triggers);
  tick(target);
}

function showTriggers(triggers: Trigger[]): void {
  const list = byId("triggers");
  const rows = triggers.map((trigger) => {
    const aim = trigger.target.type === "AverageValue" ? `${format.number(trigger.target.value)} a replica` : `${format.number(trigger.target.value)} in all`;
    const group = trigger.groupState === null ? "" : `group ${trigger.groupState}${trigger.members === null ? "" : `, ${trigger.members} members`}`;
    return h(
      "li",
      { class: trigger.error ? "trouble" : "", "data-trigger": String(trigger.index) },
      h("span", { class: "kind" }, trigger.kind),
      h("span", { class: "metric" }, trigger.name ?? trigger.metric),
      h("b", { class: "value" }, trigger.error ? format.UNKNOWN : format.number(trigger.value)),
      h("span", { class: "aim" }, `target ${aim}`),
      h("span", { class: "group" }, group),
      h("span", { class: "age" }),
      trigger.error && h("span", { class: "error" }, trigger.failures > 1 ? `${trigger.failures} failures in a row: ${trigger.error.message}` : trigger.error.message),
      trigger.notes.length > 0 && h("span", { class: "notes" }, trigger.notes.slice(0, 3).join("; ")),
    );
  });
  list.replaceChildren(...rows);
}

/** What changes with time alone: ages, and what is left of a cooldown. */
export function tick(target: Target): void {
  for (const trigger of target.triggers) {
    const age = document.querySelector(`[data-trigger="${trigger.index}"] .age`);
    if (age) {
      setText(age, trigger.at === null ? "never read" : `read ${format.span(serverNow() - Date.parse(trigger.at))} ago`);
    }
  }
  const next = target.next;
  const left = next ? Date.parse(next.at) - serverNow() : 0;
  field("next", next && left > 0 ? `${next.what} in ${format.span(left)}` : "");
}

export function showProblems(problems: string[]): void {
  const banner = byId("problems");
  banner.hidden = problems.length === 0;
  banner.replaceChildren(
    ...(problems.length === 0 ? [] : [h("strong", {}, problems.length === 1 ? "Something is wrong" : `${problems.length} things are wrong`)]),
    ...problems.map((problem) => h("pre", {}, problem)),
  );
}
