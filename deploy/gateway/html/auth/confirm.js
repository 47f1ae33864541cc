// Where the links of mails lead. What redeems them is a press of the button, since scanners of mail follow links but press
// nothing. The link's token stands behind the #, so that no server on the way sees it before that.
"use strict";

const asks = {
  signup: ["Confirm your address", "Press the button, and your account is ready.", "Confirm the address"],
  invite: ["Accept the invitation", "Press the button, and you are signed in.", "Accept"],
  recovery: ["Set a new password", "Press the button; then you can choose a new password.", "Go on"],
  magiclink: ["Sign in", "Press the button, and you are signed in.", "Sign in"],
  email_change: ["Change your address", "Press the button to agree to the change.", "Agree"],
};

const link = new URLSearchParams(location.hash.slice(1));
const ask = asks[link.get("type")];
const token = link.get("token_hash");
const says = document.getElementById("says");

if (ask && token) {
  const [title, text, label] = ask;
  document.title = `${title} · Groundwork`;
  document.getElementById("title").textContent = title;
  says.textContent = text;
  const go = document.getElementById("go");
  const query = new URLSearchParams({ token, type: link.get("type"), redirect_to: link.get("redirect_to") ?? "" });
  go.addEventListener("click", () => {
    go.disabled = true;
    location.assign(`/auth/v1/verify?${query}`);
  });
  go.textContent = label;
  go.hidden = false;
  go.focus();
} else {
  says.textContent = "This link is not complete. Copy the whole link from the mail, or type its code.";
}
