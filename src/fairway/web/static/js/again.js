// The page of a moment without database: opens what was asked for as soon as it can be had. Until then nothing moves under the reader.
const link = document.querySelector("a[data-again]");

async function look() {
  const answer = await fetch(link.href, { redirect: "manual" }).catch(() => null); // where it leads to is no concern here
  if (answer && answer.status !== 503) location.replace(link.href);
  else setTimeout(look, 5000);
}

if (link instanceof HTMLAnchorElement) setTimeout(look, 5000);
