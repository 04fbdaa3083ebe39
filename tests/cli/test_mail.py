"""fairway mail: the password comes by stdin, and what is wrong is said."""

from __future__ import annotations

from tests.services.ports import free_port


def test_mail_is_set_shown_tested_and_unset(fairway):
    assert "sends no mail" in fairway("mail", "show").out
    port = str(free_port())
    server = ("--host", "127.0.0.1", "--port", port, "--from", "fairway@example.com", "--user", "fairway")
    said = fairway("mail", "set", *server, stdin="hunter22\n")
    assert (said.code, "hunter22" in said.out + said.err) == (0, False)
    assert f"127.0.0.1:{port}" in said.out
    again = fairway.json("mail", "set", *server, "--from-name", "Harbour", "--keep-password")
    assert (again["sender_name"], again["has_password"]) == ("Harbour", True)
    moved = fairway("mail", "set", *server, "--security", "tls", "--keep-password")
    assert moved.code != 0
    assert "must be entered again" in moved.err
    failed = fairway("mail", "test", "ada@example.com")
    assert failed.code != 0
    assert f"refused the connection on port {port}" in failed.err
    invited = fairway("people", "invite", "hedy", "--email", "hedy@example.com", "--send")
    assert invited.code == 0
    assert "could not be sent" in invited.err
    assert "/invitation/" in invited.out
    assert "could not send a mail to hedy" in fairway("events", "--verb", "mail", "--severity", "error").out
    assert "sends no mail" in fairway("mail", "unset").out
    assert fairway("--as", "viewer", "mail", "show").code == 3
