// While a meeting is live its page grows: new captions, items that begin and end, the end of the meeting.
import type { Agenda, ApiItem } from "./agenda";
import type { Playback } from "./playback";
import type { ApiCaption, ApiTurn, Transcript } from "./transcript";

const POLL_MS = 2000;

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
    private readonly playback: Playback,
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
      const meeting = await getJson<ApiMeeting>(api);
      this.showState(meeting);
      // From the end to the publication nothing of it is public.
      if (meeting.state === "ended") return this.playback.rest();
      this.playback.goOn();
      const grown = await getJson<ApiTranscript>(`${api}/transcript?after_ms=${Math.max(-1, this.transcript.lastStartMs - 1)}`);
      // The last one comes again: it may have grown.
      this.transcript.append(grown.captions, grown.turns);
      if (grown.captions.length > 0) document.querySelector("#no-transcript")?.remove();
    } catch {
      // The next poll asks for the same again; the player itself says when the connection is lost.
    }
  }

  /** Says why nothing comes for a while, in the words of the page as the server writes it. */
  private showInterruption(meeting: ApiMeeting): void {
    const place = document.querySelector<HTMLElement>("#interruption");
    const text = interruption(meeting);
    // What is there already is not read out again.
    if (!place || (place.textContent ?? "").trim() === text) return;
    place.replaceChildren();
    if (text === "") return;
    const notice = document.createElement("div");
    notice.className = "govuk-inset-text";
    notice.textContent = text;
    place.append(notice);
  }

  private showState(meeting: ApiMeeting): void {
    this.agenda?.update(meeting.items);
    this.showInterruption(meeting);
    const badge = document.querySelector<HTMLElement>("#state");
    if (!badge) return;
    if (meeting.state === "live" || meeting.state === "adjourned") {
      badge.textContent = meeting.state === "live" ? "Live" : "Adjourned";
      badge.classList.toggle("mh-tag--live", meeting.state === "live");
    } else {
      badge.textContent = "Ended";
      badge.classList.remove("mh-tag--live");
      document.querySelector<HTMLElement>("#live-controls")?.setAttribute("hidden", "");
      this.over = meeting.state !== "ended";
    }
  }
}

function interruption(meeting: ApiMeeting): string {
  if (meeting.private) {
    return (
      "Press and public are excluded from this part of the meeting. Nothing of it is shown or recorded. " +
      `The meeting goes on here when it is public again. Reason: ${meeting.private.reason}`
    );
  }
  switch (meeting.state) {
    case "adjourned":
      return "The meeting is adjourned. It goes on here when the committee returns.";
    case "ended":
      return "This meeting is over. Its recording is being prepared and appears here when it is published.";
    default:
      return "";
  }
}

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url, { headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}
