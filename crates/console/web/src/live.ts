// The live stream, kept open: reconnects with back-off, and says when what is shown has become old.

export type LiveState = "connecting" | "live" | "stale";

export interface LiveEvents {
  state(state: LiveState): void;
  /** The stream is open (again): what happened before has to be fetched. */
  hello(): void;
  message(kind: string, data: unknown): void;
}

/** The server gives a sign of life every 5 s. */
const SILENCE_MS = 16_000;
const KINDS = ["record", "sample", "targets", "problems", "load"];

export class Live {
  private source: EventSource | null = null;
  private target: string | null = null;
  private tries = 0;
  private retry = 0;
  private heard = 0;

  constructor(private readonly events: LiveEvents) {
    window.setInterval(() => {
      if (this.source && this.heard > 0 && Date.now() - this.heard > SILENCE_MS) {
        this.again();
      }
    }, 2_000);
    window.addEventListener("online", () => this.again());
  }

  /** Follows one target, or only what concerns all when there is none. */
  follow(target: string | null): void {
    this.target = target;
    this.tries = 0;
    this.open();
  }

  private open(): void {
    window.clearTimeout(this.retry);
    this.source?.close();
    const query = this.target === null ? "" : `?target=${encodeURIComponent(this.target)}`;
    const source = new EventSource(`/api/v1/stream${query}`);
    this.source = source;
    this.heard = Date.now();
    source.addEventListener("hello", () => {
      this.tries = 0;
      this.alive();
      this.events.hello();
    });
    source.addEventListener("alive", () => this.alive());
    source.onerror = () => this.again();
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        this.alive();
        this.events.message(kind, JSON.parse((event as MessageEvent<string>).data));
      });
    }
  }

  private alive(): void {
    this.heard = Date.now();
    this.events.state("live");
  }

  private again(): void {
    this.source?.close();
    this.source = null;
    this.events.state("stale");
    window.clearTimeout(this.retry);
    this.retry = window.setTimeout(() => this.open(), Math.min(10_000, 500 * 2 ** this.tries));
    this.tries += 1;
  }
}
