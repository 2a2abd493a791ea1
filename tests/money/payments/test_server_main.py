"""The loopback server as a program of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import stripe


def test_it_serves_the_sdk_and_ends_when_it_is_interrupted() -> None:
    """Any free port; the key and the secret of webhooks are printed; a hold is granted."""
    command = [
        sys.executable,
        "-m",
        "twin.money.payments.server",
        "--port",
        "0",
        "--webhooks",
        "http://127.0.0.1:9/x",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            first, second = program.stdout.readline(), program.stdout.readline()
            url, key = re.fullmatch(r"listening on (\S+), key (\S+)\n", first).groups()
            assert re.fullmatch(r"webhooks to http://127.0.0.1:9/x, signed by whsec_\S+\n", second)
            wire = stripe.RequestsClient(timeout=10)
            client = stripe.StripeClient(key, base_addresses={"api": url}, http_client=wire)
            held = client.v1.payment_intents.create({
                "amount": 5_000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True,
                "capture_method": "manual",
            })  # fmt: skip
            assert held.status == "requires_capture"
            wire.close()
        finally:
            program.send_signal(signal.SIGINT)
        assert program.wait(10) == 0
