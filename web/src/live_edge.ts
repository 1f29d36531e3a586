// Beside a live player: back to the start of the meeting, and forward to what happens now.
import type { Playback } from "./playback";
import { clock } from "./transcript";

/** Players stay some seconds behind what happens; from here on a viewer is told. */
const BEHIND_SECONDS = 15;

export class LiveEdge {
  private readonly behind: HTMLElement | null;

  constructor(
    controls: HTMLElement,
    private readonly playback: Playback,
  ) {
    this.behind = controls.querySelector<HTMLElement>("#behind");
    controls.querySelector("#from-start")?.addEventListener("click", () => {
      playback.seek(0);
      playback.play();
    });
    controls.querySelector("#to-live")?.addEventListener("click", () => {
      const seconds = playback.liveSeconds;
      if (seconds !== undefined) playback.media.currentTime = seconds;
      playback.play();
    });
    for (const event of ["timeupdate", "seeked", "durationchange"]) {
      playback.media.addEventListener(event, () => this.show());
    }
    controls.hidden = false;
  }

  private show(): void {
    const seconds = (this.playback.liveSeconds ?? 0) - this.playback.media.currentTime;
    const text = seconds > BEHIND_SECONDS ? `${clock(seconds * 1000)} behind live` : "";
    if (this.behind && this.behind.textContent !== text) this.behind.textContent = text;
  }
}
