// While a deployment's page is open, its tab says how the deployment stands: the title and the favicon follow the head of the page.

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
