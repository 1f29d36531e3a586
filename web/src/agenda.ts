// The agenda beside the player: marks the item that is being taken.

interface Item {
  element: HTMLElement;
  /** Media times in milliseconds; without an end while the item goes on. */
  spans: { startMs: number; endMs: number | undefined }[];
}

/** An agenda item as the API gives it. */
export interface ApiItem {
  id: string;
  spans: { start_ms: number; end_ms: number | null }[];
}

export class Agenda {
  private readonly items: Item[];
  private current: HTMLElement | undefined;

  constructor(private readonly list: HTMLElement) {
    const elements = [...list.querySelectorAll<HTMLElement>("[data-item]")];
    this.items = elements.map((element) => ({ element, spans: readSpans(element.dataset.spans ?? "") }));
  }

  show(mediaMs: number): void {
    // Of an item and the one above it, the deeper stands later in the agenda.
    let found: HTMLElement | undefined;
    for (const { element, spans } of this.items) {
      const here = spans.some(({ startMs, endMs }) => startMs <= mediaMs && mediaMs < (endMs ?? Infinity));
      if (here) found = element;
    }
    if (found === this.current) return;
    this.current?.removeAttribute("aria-current");
    found?.setAttribute("aria-current", "true");
    this.current = found;
    if (found) this.reveal(found);
  }

  /** Takes over the times of items that were opened or closed since the page was made. */
  update(items: readonly ApiItem[]): void {
    for (const { id, spans } of items) {
      const item = this.items.find(({ element }) => element.dataset.item === id);
      if (!item) continue;
      item.spans = spans.map((span) => ({ startMs: span.start_ms, endMs: span.end_ms ?? undefined }));
    }
  }

  /** Scrolls the list, never the page. */
  private reveal(element: HTMLElement): void {
    const box = this.list.getBoundingClientRect();
    const line = element.getBoundingClientRect();
    if (line.top < box.top) this.list.scrollTop -= box.top - line.top;
    else if (line.bottom > box.bottom) this.list.scrollTop += line.bottom - box.bottom;
  }
}

/** `0-35000,60000-`: start and end in milliseconds, the end absent while the item goes on. */
function readSpans(text: string): Item["spans"] {
  return text
    .split(",")
    .filter(Boolean)
    .map((span) => {
      const [start, end] = span.split("-");
      return { startMs: Number(start), endMs: end ? Number(end) : undefined };
    });
}
