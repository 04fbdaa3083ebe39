const answer = await fetch("VERSION");
document.getElementById("version").textContent = answer.ok ? (await answer.text()).trim() : "unknown";
