// While a deployment's page is open, its tab says how the deployment stands: the title and the favicon follow the head of the page.
// A hidden tab gives its stream back (live.js), so while the deployment is not over its head is fetched now and then instead.
import { refetch } from "./live.js";

const ASKED_EVERY = 30000; // milliseconds

function follow() {
  const head = document.querySelector("[data-tab-title]");
  if (!(head instanceof HTMLElement)) return;
  const { tabTitle, tabIcon } = head.dataset;
  if (tabTitle && document.title !== tabTitle) document.title = tabTitle;
  const link = document.querySelector("link[rel=icon]");
  if (tabIcon && link && link.getAttribute("href") !== tabIcon) link.setAttribute("href", tabIcon);
}

document.addEventListener("fairway:swapped", follow);
follow();
setInterval(() => {
  const head = document.querySelector("[data-tab-title][data-tab-follows]");
  if (head && document.hidden) refetch(head);
}, ASKED_EVERY);
