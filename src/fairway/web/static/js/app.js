// What every page needs. Each module finds its own elements and keeps working after fragments were swapped.
import "./theme.js";
import "./menus.js";
import "./copy.js";
import "./confirm.js";
import "./toasts.js";
import "./tabs.js";
import "./passkeys.js";
import "./forms.js";
import { startFocus } from "./focus.js";
import { startClocks } from "./time.js";
import { startPalette } from "./palette.js";
import { startLive } from "./live.js";

// Loading this page again does not send the form again whose answer it is.
if (document.body.dataset.reload) history.replaceState(history.state, "", document.body.dataset.reload);
startClocks();
startFocus();
startPalette();
startLive();
document.documentElement.dataset.ready = ""; // from here on keys and buttons do what they say
