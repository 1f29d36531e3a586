// While a meeting is live its page grows: new captions, items that begin and end, the end of the meeting.
import type { Agenda, ApiItem } from "./agenda";
import type { ApiCaption, ApiTurn, Transcript } from "./transcript";

const POLL_MS = 4000;

interface ApiTranscript {
  captions: ApiCaption[];
  turns: ApiTurn[];
}

interface ApiMeeting {
  state: string;
  private: { reason: string } | null;
  items: ApiItem[];
}

export class Live {
  private over = false;

  constructor(
    private readonly slug: string,
    private readonly transcript: Transcript,
    private readonly agenda: Agenda | undefined,
  ) {}

  start(): void {
    const next = () => {
      if (this.over) return;
      window.setTimeout(() => void this.poll().finally(next), POLL_MS);
    };
    next();
  }

  private async poll(): Promise<void> {
    // A page that nobody looks at costs nobody anything; it catches up when it is shown again.
    if (document.hidden) return;
    const api = `/api/v1/meetings/${encodeURIComponent(this.slug)}`;
    try {
      const grown = await getJson<ApiTranscript>(`${api}/transcript?after_ms=${this.transcript.lastStartMs}`);
      this.transcript.append(grown.captions, grown.turns);
      if (grown.captions.length > 0) document.querySelector("#no-transcript")?.remove();
      this.showState(await getJson<ApiMeeting>(api));
    } catch {
      // The next poll asks for the same again; the player itself says when the connection is lost.
    }
  }

  /** The words are those of the page as the server writes it. */
  private showPrivate(reason: string | undefined): void {
    const place = document.querySelector<HTMLElement>("#private");
    if (!place || place.dataset.reason === reason) return;
    place.replaceChildren();
    if (reason === undefined) {
      delete place.dataset.reason;
      return;
    }
    place.dataset.reason = reason;
    const notice = document.createElement("div");
    notice.className = "govuk-inset-text";
    notice.textContent =
      "Press and public are excluded from this part of the meeting. Nothing of it is shown or recorded. " +
      `The meeting goes on here when it is public again. Reason: ${reason}`;
    place.append(notice);
  }

  private showState(meeting: ApiMeeting): void {
    this.agenda?.update(meeting.items);
    this.showPrivate(meeting.private?.reason);
    const badge = document.querySelector<HTMLElement>("#state");
    if (!badge) return;
    if (meeting.state === "live" || meeting.state === "adjourned") {
      badge.textContent = meeting.state === "live" ? "Live" : "Adjourned";
      badge.classList.toggle("mh-tag--live", meeting.state === "live");
    } else {
      badge.textContent = "Ended";
      badge.classList.remove("mh-tag--live");
      this.over = true;
    }
  }
}

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url, { headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}
