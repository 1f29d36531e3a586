// The meeting page: player, agenda and transcript move together.
import { Agenda } from "./agenda";
import { addCaptionTrack } from "./captions";
import { Live } from "./live";
import { LiveEdge } from "./live_edge";
import { Playback } from "./playback";
import { Transcript } from "./transcript";

/** `?t=83.2` in milliseconds; none where it is absent or no time. */
function startFromAddress(): number | undefined {
  const text = new URLSearchParams(location.search).get("t");
  const seconds = text === null || text === "" ? NaN : Number(text);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.round(seconds * 1000) : undefined;
}

function main(): void {
  const meeting = document.querySelector<HTMLElement>("#meeting");
  const player = document.querySelector<HTMLElement>("#player");
  if (!meeting || !player) return;

  const playback = new Playback(player, startFromAddress());
  const turns = document.querySelector<HTMLElement>("#turns");
  const transcript = turns && new Transcript(turns, document.querySelector<HTMLElement>("#follow"), player);
  const list = document.querySelector<HTMLElement>(".mh-agenda__list");
  const agenda = list ? new Agenda(list) : undefined;

  const show = () => {
    const mediaMs = playback.mediaMs;
    if (mediaMs === undefined) return;
    transcript?.show(mediaMs, !playback.media.paused);
    agenda?.show(mediaMs);
  };
  playback.media.addEventListener("timeupdate", show);
  playback.media.addEventListener("seeked", show);

  // A press on any moment of the page plays it here; with a modifier key the link is an ordinary one.
  document.addEventListener("click", (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-start]") : null;
    if (!link) return;
    event.preventDefault();
    history.replaceState(null, "", link.href);
    playback.seek(Number(link.dataset.start));
    playback.play();
    transcript?.follow();
  });

  const liveControls = player.querySelector<HTMLElement>("#live-controls");
  if (liveControls) new LiveEdge(liveControls, playback);

  if (transcript) {
    if ("live" in player.dataset) new Live(meeting.dataset.slug ?? "", transcript, agenda, playback).start();
  }
  void playback.start().then(() => {
    // Where the browser plays by itself it finds captions in the playlist.
    const takesTrack = playback.media instanceof HTMLVideoElement && !playback.isNative;
    if (transcript && takesTrack) addCaptionTrack(playback, transcript);
  });
}

main();
