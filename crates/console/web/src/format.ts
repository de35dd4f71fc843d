// Numbers, times and the names of rules, for people.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dated = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const UNKNOWN = "–";

export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) {
    return UNKNOWN;
  }
  return (Math.abs(value) >= 100 || Number.isInteger(value) ? whole : fine).format(value);
}

export function rate(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : `${(value >= 100 ? whole : new Intl.NumberFormat("en", { maximumFractionDigits: 1 })).format(value)}/s`;
}

export function axis(value: number): string {
  return Math.abs(value) >= 10_000 ? short.format(value) : fine.format(value);
}

export function time(millis: number): string {
  return Math.abs(Date.now() - millis) < 20 * 3_600_000 ? clock.format(millis) : dated.format(millis);
}

export function span(millis: number): string {
  const seconds = Math.max(0, Math.round(millis / 1000));
  if (seconds < 90) {
    return `${seconds} s`;
  }
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

const RULES: Record<string, string> = {
  metrics: "metric",
  tolerance: "within tolerance",
  missingMetric: "metric missing",
  fallback: "fallback",
  activation: "activation",
  forceActivation: "forced active",
  cooldown: "cooldown",
  initialCooldown: "initial cooldown",
  idle: "idle",
  stabilization: "stabilization",
  scaleUpPolicy: "scale-out policy",
  scaleDownPolicy: "scale-in policy",
  disabled: "direction disabled",
  min: "minimum",
  max: "maximum",
  usefulParallelism: "useful limit",
  busyPods: "busy pods",
  paused: "paused",
  unknownWorkload: "workload unknown",
  restoreOriginal: "original restored",
  none: "nothing",
};

/** A rule's name for people; `none` when nothing bound the decision. */
export function rule(name: string): string {
  return RULES[name] ?? name;
}
