// The transcript as captions in the picture, switched on and off by the player's own control.
import type { Playback } from "./playback";
import type { Transcript } from "./transcript";

/** Fills a caption track as the playlist tells where the captions belong. */
export function addCaptionTrack(playback: Playback, transcript: Transcript): void {
  const track = playback.media.addTextTrack("captions", "English", "en");
  let filled = 0;
  const fill = () => {
    const captions = transcript.captions;
    for (; filled < captions.length; filled++) {
      const caption = captions[filled];
      const start = caption && playback.secondsAt(caption.startMs);
      const end = caption && playback.secondsAt(caption.endMs);
      if (!caption || start === undefined || end === undefined) return;
      if (start < end) track.addCue(new VTTCue(start, end, caption.element.textContent ?? ""));
    }
  };
  playback.media.addEventListener("timeupdate", fill);
}
