// The transcript beside the player: marks what is being said and follows it until the reader scrolls away.

interface Line {
  startMs: number;
  endMs: number;
  element: HTMLElement;
}

/** A caption as the API gives it. */
export interface ApiCaption {
  id: string;
  start_ms: number;
  end_ms: number;
  text: string;
  turn_id: string;
}

/** A turn as the API gives it. */
export interface ApiTurn {
  id: string;
  start_ms: number;
  speaker: { name: string; role?: string | null } | null;
  how?: string | null;
}

/** A caption stays marked this long after its end, so that the mark does not flicker in short pauses. */
const LINGER_MS = 2000;
/** Longer than any smooth scrolling takes. */
const SCROLLING_MS = 800;

export class Transcript {
  private readonly lines: Line[] = [];
  private current: Line | undefined;
  private following = true;
  private scrollingUntil = 0;

  constructor(
    private readonly turns: HTMLElement,
    private readonly followButton: HTMLElement | null,
    private readonly player: HTMLElement,
  ) {
    turns.querySelectorAll<HTMLElement>(".mh-caption").forEach((element) => this.add(element));
    window.addEventListener("scroll", () => this.scrolled(), { passive: true });
    followButton?.addEventListener("click", () => this.follow());
  }

  get captions(): readonly { startMs: number; endMs: number; element: HTMLElement }[] {
    return this.lines;
  }

  /** Where the last caption starts; -1 while there is none. */
  get lastStartMs(): number {
    return this.lines[this.lines.length - 1]?.startMs ?? -1;
  }

  /** Marks what is said at a media time; scrolls to it while it is followed and the sound runs. */
  show(mediaMs: number, playing: boolean): void {
    const line = this.at(mediaMs);
    if (line === this.current) return;
    this.current?.element.removeAttribute("aria-current");
    line?.element.setAttribute("aria-current", "true");
    this.current = line;
    if (line && playing && this.following) this.bringIntoView(line.element);
  }

  /** Goes back to what is being said and stays with it. */
  follow(): void {
    this.setFollowing(true);
    if (this.current) this.bringIntoView(this.current.element);
  }

  /** Adds captions that were spoken after those on the page, and lets the last of these grow. */
  append(captions: readonly ApiCaption[], turns: readonly ApiTurn[]): void {
    for (const caption of captions) {
      const text = caption.text.replaceAll("\n", " ");
      const last = this.lines[this.lines.length - 1];
      if (last?.element.id === `c-${caption.id}`) {
        last.endMs = caption.end_ms;
        last.element.dataset.end = String(caption.end_ms);
        if (last.element.textContent !== text) last.element.textContent = text;
        continue;
      }
      if (document.getElementById(`c-${caption.id}`)) continue;
      const words = this.wordsOf(turns.find((turn) => turn.id === caption.turn_id), caption);
      if (!words) continue;
      const element = document.createElement("a");
      element.className = "mh-caption";
      element.id = `c-${caption.id}`;
      element.href = `?t=${(caption.start_ms / 1000).toFixed(3)}#c-${caption.id}`;
      element.dataset.start = String(caption.start_ms);
      element.dataset.end = String(caption.end_ms);
      element.textContent = text;
      words.append(element, " ");
      this.add(element);
    }
  }

  private add(element: HTMLElement): void {
    const { start, end } = element.dataset;
    this.lines.push({ startMs: Number(start), endMs: Number(end), element });
  }

  /** The paragraph that takes a caption: of its own turn, made where it is not there yet. */
  private wordsOf(turn: ApiTurn | undefined, caption: ApiCaption): Element | null {
    const last = this.turns.lastElementChild;
    const same = last instanceof HTMLElement && last.dataset.turn === caption.turn_id;
    if (same) return last.querySelector(".mh-turn__words");
    const template = document.querySelector<HTMLTemplateElement>("#turn-template");
    const item = template?.content.firstElementChild?.cloneNode(true);
    if (!(item instanceof HTMLElement)) return null;
    item.id = `turn-${caption.turn_id}`;
    item.dataset.turn = caption.turn_id;
    const fill = (part: string, text: string) => {
      const element = item.querySelector(`.mh-turn__${part}`);
      if (element) element.textContent = text;
    };
    fill("time", clock(turn?.start_ms ?? caption.start_ms));
    fill("speaker", turn?.speaker?.name ?? "");
    const about = [turn?.speaker?.role, turn?.how].filter(Boolean).join(", ");
    fill("about", turn?.speaker ? about : "Speaker not known");
    this.turns.append(item);
    return item.querySelector(".mh-turn__words");
  }

  private at(mediaMs: number): Line | undefined {
    let low = 0;
    let high = this.lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.lines[middle]?.startMs ?? 0) <= mediaMs) low = middle + 1;
      else high = middle;
    }
    const line = this.lines[low - 1];
    return line && mediaMs < line.endMs + LINGER_MS ? line : undefined;
  }

  /** The part of the window in which a line can be read: below the player where it sticks to the top. */
  private visible(element: HTMLElement): { inside: boolean; top: number; bottom: number } {
    const player = this.player.getBoundingClientRect();
    const line = element.getBoundingClientRect();
    const covers = player.left < line.right && line.left < player.right && player.bottom > 0;
    const top = covers ? player.bottom : 0;
    const bottom = window.innerHeight;
    return { inside: line.top >= top && line.bottom <= bottom, top, bottom };
  }

  private bringIntoView(element: HTMLElement): void {
    const { top, bottom } = this.visible(element);
    const line = element.getBoundingClientRect();
    // While the line is in the upper two thirds, the reader's eye finds it without any movement.
    if (line.top >= top && line.bottom <= top + (bottom - top) * 0.66) return;
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.scrollingUntil = Date.now() + SCROLLING_MS;
    window.scrollBy({ top: line.top - top - (bottom - top) * 0.25, behavior: calm ? "auto" : "smooth" });
  }

  private scrolled(): void {
    if (Date.now() < this.scrollingUntil || !this.current) return;
    this.setFollowing(this.visible(this.current.element).inside);
  }

  private setFollowing(following: boolean): void {
    this.following = following;
    if (this.followButton) this.followButton.hidden = following;
  }
}

/** `1:02:03`, or `2:03` below an hour. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (number: number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
