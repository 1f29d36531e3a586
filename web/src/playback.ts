// Plays a recording: hls.js where the browser lets it, the browser's own HLS elsewhere.
import type Hls from "hls.js";
import type { ErrorData } from "hls.js";
import { fetchSegments } from "./playlist";
import { type Stretch, stretchesOf, toMediaMs, toSeconds } from "./timeline";

/** Before the first press of Play only this much is fetched, to spare a telephone's data. */
const IDLE_BUFFER_SECONDS = 4;
const BUFFER_SECONDS = 30;
/** A player that stands still for so long, this close to the end of a stretch, is helped on to the next. */
const STUCK_SECONDS = 5;
const CLOSE_SECONDS = 3;
/** The longest wait between two attempts to get the connection back. */
const MAX_RETRY_MS = 30_000;

export class Playback {
  readonly media: HTMLMediaElement;
  private readonly master: string;
  private readonly epochMs: number;
  private readonly message: HTMLElement | null;
  private hls: Hls | undefined;
  private stretches: Stretch[] = [];
  private wantedMs: number | undefined;
  private retryMs = 1000;
  private retryTimer = 0;
  private lastMediaError = 0;
  private hasMediaError = false;
  private resting = false;
  /** Whether the viewer wants another place than where the player starts by itself. */
  private hasChosen: boolean;
  private stuckAt = 0;
  private stuckSeconds = 0;

  constructor(root: HTMLElement, startMs: number | undefined) {
    const media = root.querySelector<HTMLMediaElement>("video, audio");
    if (!media) throw new Error("the player has no media element");
    this.media = media;
    this.master = root.dataset.master ?? "";
    this.epochMs = Number(root.dataset.epochMs);
    this.message = root.querySelector<HTMLElement>("#message");
    this.wantedMs = startMs;
    this.hasChosen = startMs !== undefined;
    media.addEventListener("playing", () => this.say(""));
    // The first seek is the player's own, to where it starts; later ones are the viewer's.
    const choose = () => (this.hasChosen = true);
    media.addEventListener("canplay", () => media.addEventListener("seeking", choose, { once: true }), { once: true });
    media.addEventListener("play", () => this.firstPlayed(), { once: true });
  }

  async start(): Promise<void> {
    const { default: HlsJs } = await import("hls.js");
    const native = !HlsJs.isSupported();
    // Where to start is told in media time, so the gaps must be known before.
    if (native || this.wantedMs !== undefined) await this.learnStretches();
    if (!native) {
      this.startHls(HlsJs);
    } else if (this.media.canPlayType("application/vnd.apple.mpegurl")) {
      this.startNative();
    } else {
      this.say("This browser cannot play the recording. The transcript below is complete.");
    }
  }

  /** Whether the browser plays HLS itself; known once it has started. */
  get isNative(): boolean {
    return this.hls === undefined;
  }

  /** Where the player is, in media time; none before the playlist is known. */
  get mediaMs(): number | undefined {
    return toMediaMs(this.stretches, this.media.currentTime);
  }

  /** The place in the player of a media time, in seconds; none before the playlist is known. */
  secondsAt(mediaMs: number): number | undefined {
    return toSeconds(this.stretches, mediaMs);
  }

  /** Goes to a media time, as soon as the playlist is known. */
  seek(mediaMs: number): void {
    this.hasChosen = true;
    const seconds = this.secondsAt(mediaMs);
    if (seconds !== undefined) this.media.currentTime = seconds;
    else this.media.addEventListener("loadedmetadata", () => this.seek(mediaMs), { once: true });
  }

  /** What happens now, in the player's seconds, as close as it can be played; none before that is known. */
  get liveSeconds(): number | undefined {
    if (this.hls) return this.hls.liveSyncPosition ?? undefined;
    const { seekable } = this.media;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : undefined;
  }

  play(): void {
    // Refused where the visitor has not touched the page yet: then they press Play themselves.
    this.media.play().catch(() => undefined);
  }

  /** Plays what it has, then stands still, and asks for nothing more, since nobody would answer. */
  rest(): void {
    if (this.resting) return;
    this.resting = true;
    // Otherwise it would show that more is on its way.
    const pause = () => this.resting && this.media.pause();
    if (this.media.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) pause();
    else this.media.addEventListener("waiting", pause, { once: true });
    this.hls?.stopLoad();
    window.clearTimeout(this.retryTimer);
    this.say("");
  }

  goOn(): void {
    if (!this.resting) return;
    this.resting = false;
    this.load();
  }

  private startHls(HlsJs: typeof Hls): void {
    this.media.querySelectorAll("source").forEach((source) => source.remove());
    this.media.load();
    const hls = new HlsJs({
      // -1: the beginning, or the edge of what is live.
      startPosition: this.takeWantedSeconds() ?? -1,
      maxBufferLength: IDLE_BUFFER_SECONDS,
      maxMaxBufferLength: IDLE_BUFFER_SECONDS,
      enableWorker: false,
      // Captions come with the page.
      subtitleStreamController: undefined,
      subtitleTrackController: undefined,
      timelineController: undefined,
    });
    this.hls = hls;
    this.media.addEventListener("play", () => {
      hls.config.maxBufferLength = BUFFER_SECONDS;
      hls.config.maxMaxBufferLength = 2 * BUFFER_SECONDS;
    });
    // The second of these also comes for a sound track of its own, whose segments begin elsewhere.
    const learn = () => {
      const details = hls.latestLevelDetails;
      if (details) this.stretches = stretchesOf(details.fragments, this.epochMs);
    };
    hls.on(HlsJs.Events.LEVEL_LOADED, learn);
    hls.on(HlsJs.Events.LEVEL_PTS_UPDATED, learn);
    hls.on(HlsJs.Events.FRAG_BUFFERED, () => this.recovered());
    hls.on(HlsJs.Events.ERROR, (_, data) => this.failed(HlsJs, data));
    window.addEventListener("online", () => this.retry());
    window.setInterval(() => this.leaveStretch(), 1000);
    hls.loadSource(this.master);
    hls.attachMedia(this.media);
  }

  /** hls.js sometimes waits for ever for the last scrap before a gap. */
  private leaveStretch(): void {
    const { media } = this;
    const isStuck = !media.paused && media.currentTime === this.stuckAt;
    this.stuckSeconds = isStuck ? this.stuckSeconds + 1 : 0;
    this.stuckAt = media.currentTime;
    if (this.stuckSeconds < STUCK_SECONDS) return;
    this.stuckSeconds = 0;
    const next = this.stretches.find((stretch) => stretch.startSeconds > media.currentTime);
    // In the middle of a stretch it is the line that is slow: nothing is passed over.
    if (next && next.startSeconds - media.currentTime < CLOSE_SECONDS) media.currentTime = next.startSeconds + 0.1;
  }

  /** Who loads the page of a live meeting and presses Play a while later means what happens now. */
  private firstPlayed(): void {
    const seconds = this.hls?.latestLevelDetails?.live ? this.liveSeconds : undefined;
    if (!this.hasChosen && seconds !== undefined) this.media.currentTime = seconds;
  }

  private startNative(): void {
    const media = this.media;
    media.preload = "metadata";
    media.addEventListener("loadedmetadata", () => {
      const seconds = this.takeWantedSeconds();
      if (seconds !== undefined) media.currentTime = seconds;
    });
    // A live recording has grown, and may have got a gap.
    media.addEventListener("durationchange", () => void this.learnStretches());
    media.addEventListener("error", () => this.say("The recording could not be loaded.", true));
  }

  private async learnStretches(): Promise<void> {
    try {
      this.stretches = stretchesOf(await fetchSegments(this.master), this.epochMs);
    } catch {
      // The player will meet the same trouble, say so and try again.
    }
  }

  /** Where to start, in seconds; asked once. */
  private takeWantedSeconds(): number | undefined {
    const seconds = this.wantedMs === undefined ? undefined : this.secondsAt(this.wantedMs);
    this.wantedMs = undefined;
    const last = this.stretches[this.stretches.length - 1];
    if (seconds === undefined || !last) return undefined;
    // Exactly at the end there is nothing to show.
    return Math.max(0, Math.min(seconds, last.startSeconds + last.durationSeconds - 0.5));
  }

  private failed(HlsJs: typeof Hls, data: ErrorData): void {
    if (!data.fatal) return;
    if (data.type === HlsJs.ErrorTypes.MEDIA_ERROR) {
      const now = Date.now();
      const again = now - this.lastMediaError < 5000;
      this.lastMediaError = now;
      this.hasMediaError = true;
      if (this.resting) return;
      if (again) this.say("The recording could not be played from here.", true);
      else this.load();
      return;
    }
    if (this.resting) return;
    this.say(
      navigator.onLine
        ? "The recording does not arrive. Trying again…"
        : "You are offline. The recording goes on when the connection is back.",
      true,
    );
    window.clearTimeout(this.retryTimer);
    this.retryTimer = window.setTimeout(() => this.retry(), this.retryMs);
    this.retryMs = Math.min(2 * this.retryMs, MAX_RETRY_MS);
  }

  private retry(): void {
    window.clearTimeout(this.retryTimer);
    const hls = this.hls;
    if (!hls) {
      this.media.load();
    } else if (this.stretches.length === 0) {
      hls.loadSource(this.master);
    } else if (this.message && !this.message.hidden) {
      this.load();
    }
  }

  private load(): void {
    const seconds = this.media.currentTime;
    // It takes the picture away until more has come, so it is not done where only the line failed.
    if (this.hasMediaError) this.hls?.recoverMediaError();
    this.hasMediaError = false;
    this.hls?.startLoad(seconds);
  }

  private recovered(): void {
    this.retryMs = 1000;
    this.say("");
  }

  /** Shows a message over the player, with a way to try again where that may help; nothing hides it. */
  private say(text: string, mayRetry = false): void {
    const message = this.message;
    if (!message) return;
    message.hidden = text === "";
    message.textContent = text;
    if (!mayRetry) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "govuk-button";
    button.textContent = "Try again";
    button.addEventListener("click", () => this.retry());
    message.append(document.createElement("br"), button);
  }
}
