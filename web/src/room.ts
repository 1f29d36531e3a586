// A room's page changes while one looks at it: the server sends the changed parts as they are to stand there.
const room = document.querySelector<HTMLElement>("#room");

if (room?.dataset.events) {
  const events = new EventSource(room.dataset.events);
  for (const name of ["meters", "findings"]) {
    events.addEventListener(name, (event: MessageEvent<string>) => show(name, event.data));
  }
}

function show(name: string, html: string): void {
  const place = document.getElementById(name);
  if (!place) return;
  const wasOpen = place.querySelector("details")?.open ?? false;
  place.innerHTML = html;
  const details = place.querySelector("details");
  if (details) details.open = wasOpen;
}
