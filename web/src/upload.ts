// The page on which a recording is uploaded, and its progress shown.
import type { DetailedError, HttpRequest, Upload } from "tus-js-client";

/** Proxies in front take pieces of this size, and little is sent twice when one is lost. */
const PIECE_BYTES = 32 * 1024 * 1024;
/** A connection that is lost is tried again for about a quarter of an hour. */
const RETRY_DELAYS_MS = [0, 1_000, 3_000, 5_000, 10_000, 20_000, ...Array<number>(30).fill(30_000)];
const POLL_MS = 2_000;

function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

function size(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${(bytes / 1000 ** power).toFixed(power > 1 ? 1 : 0)} ${units[power]}`;
}

function duration(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 2) return "about a minute";
  return minutes < 120 ? `about ${minutes} minutes` : `about ${Math.round(minutes / 60)} hours`;
}

/** What the server says is wrong, or what is probably wrong where it says nothing. */
function problem(error: Error | DetailedError): string {
  const response = "originalResponse" in error ? error.originalResponse : null;
  if (!response) return "The connection is lost, and has not come back. Nothing that was sent is lost: go on when it is back.";
  if (response.getStatus() === 401) return "You are no longer signed in. Sign in again in another window, then go on here.";
  try {
    const { detail } = JSON.parse(response.getBody()) as { detail?: string };
    if (detail) return detail;
  } catch {
    // Not from Moothall itself: a proxy in front has its own words.
  }
  return `The server answered with the status ${response.getStatus()}. Go on after a moment, or ask whoever runs Moothall.`;
}

async function discard(address: string): Promise<void> {
  const answer = await fetch(address, { method: "DELETE", headers: { "tus-resumable": "1.0.0" } });
  if (!answer.ok && answer.status !== 404) throw new Error(`the server answered ${answer.status}`);
  location.reload();
}

class Form {
  private readonly file = element<HTMLInputElement>("file");
  private readonly start = element<HTMLButtonElement>("start");
  private readonly pause = element<HTMLButtonElement>("pause");
  private readonly discard = element<HTMLButtonElement>("discard");
  private readonly bar = element<HTMLProgressElement>("bar");
  private readonly status = element("status");
  private upload: Upload | undefined;
  /** When this connection began, and with how many bytes sent. */
  private since: { ms: number; bytes: number } | undefined;
  private over = false;

  constructor(private readonly form: HTMLElement) {
    form.hidden = false;
    this.discard.hidden = this.address === undefined;
    this.start.textContent = this.address === undefined ? "Upload" : "Go on";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.begin();
    });
    this.pause.addEventListener("click", () => void this.stop("Paused. Nothing that was sent is lost."));
    this.discard.addEventListener("click", () => void this.throwAway());
    window.addEventListener("beforeunload", (event) => {
      if (this.since) event.preventDefault();
    });
  }

  /** Of the upload that was begun. */
  private get address(): string | undefined {
    return this.form.dataset.upload;
  }

  private async begin(): Promise<void> {
    const file = this.file.files?.[0];
    const objection = this.objection(file);
    if (objection !== undefined || !file) {
      this.say(objection ?? "");
      this.file.focus();
      return;
    }
    this.show(true);
    this.say("Connecting…");
    const { Upload } = await import("tus-js-client");
    this.upload = new Upload(file, {
      endpoint: "/clerk/uploads",
      uploadUrl: this.address,
      chunkSize: PIECE_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      // The server knows what is unfinished, whichever browser began it.
      storeFingerprintForResuming: false,
      metadata: {
        meeting: this.form.dataset.meeting ?? "",
        filename: file.name,
        modified: String(file.lastModified),
      },
      onUploadUrlAvailable: () => this.begun(file),
      onProgress: (sent, total) => this.progress(sent, total),
      onShouldRetry: (error) => this.retries(error),
      onAfterResponse: (request) => this.answered(request),
      onError: (error) => void this.stop(problem(error)),
      onSuccess: () => {
        this.over = true;
        this.since = undefined;
        location.reload();
      },
    });
    this.since = { ms: Date.now(), bytes: -1 };
    this.upload.start();
  }

  /** Why this file is not sent. */
  private objection(file: File | undefined): string | undefined {
    const { name, length, modified, mostBytes } = this.form.dataset;
    if (!file) return "Choose a file first.";
    if (file.size === 0) return "The file is empty.";
    if (file.size > Number(mostBytes)) return `The file is too large: ${size(file.size)}.`;
    if (this.address === undefined) return undefined;
    const same = file.name === name && file.size === Number(length) && file.lastModified === Number(modified);
    if (same) return undefined;
    return `This is not the file that was begun. Choose ${name}, or discard the upload to begin with another file.`;
  }

  private begun(file: File): void {
    this.form.dataset.upload = this.upload?.url ?? undefined;
    this.form.dataset.name = file.name;
    this.form.dataset.length = String(file.size);
    this.form.dataset.modified = String(file.lastModified);
  }

  private progress(sent: number, total: number): void {
    if (!this.since) return;
    if (this.since.bytes < 0) this.since = { ms: Date.now(), bytes: sent };
    this.bar.value = Math.floor((sent / total) * 1000);
    const seconds = (Date.now() - this.since.ms) / 1000;
    const bytesPerSecond = (sent - this.since.bytes) / seconds;
    const left = seconds > 3 && bytesPerSecond > 0 ? `, ${duration((total - sent) / bytesPerSecond)} left` : "";
    this.say(`${size(sent)} of ${size(total)}${left}`);
  }

  private retries(error: DetailedError): boolean {
    const status = error.originalResponse?.getStatus() ?? 0;
    // Another connection's turn, or a place that has moved: ask where to go on. Else only what is not our fault.
    const retries = status === 0 || status === 409 || status === 423 || (status >= 500 && status !== 507);
    // A refusal of the meeting will not change.
    const decided = status === 409 && this.address === undefined;
    if (retries && !decided) this.say("The connection is lost. Trying again…");
    return retries && !decided;
  }

  private answered(request: HttpRequest): void {
    if (request.getMethod() === "HEAD" && this.since) this.since = { ms: Date.now(), bytes: -1 };
  }

  private async stop(text: string): Promise<void> {
    this.since = undefined;
    await this.upload?.abort();
    if (this.over) return;
    this.show(false);
    this.say(text);
    this.start.focus();
  }

  private async throwAway(): Promise<void> {
    const address = this.address;
    if (address === undefined) return;
    this.since = undefined;
    try {
      await this.upload?.abort();
      await discard(address);
    } catch {
      this.show(false);
      this.say("The upload could not be discarded. Try again in a moment.");
    }
  }

  private show(running: boolean): void {
    element("running").hidden = !running && this.bar.value === 0;
    this.file.disabled = running;
    this.start.hidden = running;
    this.start.textContent = this.address === undefined ? "Upload" : "Go on";
    this.pause.hidden = !running;
    this.discard.hidden = running || this.address === undefined;
  }

  private say(text: string): void {
    this.status.textContent = text;
  }
}

/** Shows how far a recording is, until there is something else to show. */
function follow(section: HTMLElement): void {
  const poll = async () => {
    try {
      const answer = await fetch(section.dataset.progress ?? "");
      if (answer.ok) {
        const told = (await answer.json()) as { stage: string; percent: number };
        if (told.stage !== "recording") return location.reload();
        section.querySelector("progress")?.setAttribute("value", String(told.percent));
        element("status").textContent = `${told.percent} %`;
      }
    } catch {
      // The connection is lost; the next poll asks again.
    }
    window.setTimeout(() => void poll(), POLL_MS);
  };
  window.setTimeout(() => void poll(), POLL_MS);
}

function main(): void {
  const form = document.getElementById("upload");
  const section = document.getElementById("recording");
  const failed = document.querySelector<HTMLButtonElement>("#discard[data-upload]");
  if (form) new Form(form);
  if (section) follow(section);
  if (failed) {
    failed.hidden = false;
    failed.addEventListener("click", () => void discard(failed.dataset.upload ?? ""));
  }
}

main();
