"""A control panel by the package `osdp` 1.6, which is no relative of libosdp; runs in its own environment.

Reads orders as JSON lines from stdin and writes what happens as JSON lines to stdout.
Arguments: the port, and `secure` or `clear`.
"""

import json
import logging
import sys
import threading
import time

import osdp

MASTER_KEY = bytes(range(16))
ADDRESS = 0


class PlainText(osdp.ReaderTextOutput):
    """Text as many panels send it: Latin-1."""

    def build_data(self):
        data = self.text.encode("latin-1")
        return (
            bytes(
                [
                    self.reader_number,
                    self.text_command.value,
                    self.temp_text_time,
                    self.row,
                    self.column,
                    len(data),
                ]
            )
            + data
        )


class Panel(osdp.ControlPanel):
    def on_reply_received(self, reply):
        kind = reply.type.name
        record = {"reply": kind}
        if kind == "RawReaderData":
            card = osdp.RawCardData.parse_data(reply)
            record |= {"bits": card.bit_count, "data": card.data.hex()}
        elif kind == "KeypadData":
            record |= {"keys": osdp.KeypadData.parse_data(reply).data.hex()}
        elif kind == "LocalStatusReport":
            record |= {"tamper": osdp.LocalStatus.parse_data(reply).tamper}
        elif kind == "PdIdReport":
            record |= {"serial": osdp.DeviceIdentification.parse_data(reply).serial_number}
        elif kind == "Nak":
            record |= {"code": osdp.Nak.parse_data(reply).error_code.name}
        if kind != "Ack":
            say(record)
        super().on_reply_received(reply)


def say(record):
    print(json.dumps(record, default=str), flush=True)


def lamp(colour, temporary):
    black, lit = osdp.LedColor.Black, osdp.LedColor[colour]
    temporary_mode = osdp.TemporaryReaderControlCode.SetTemporaryAndStartTimer
    permanent_mode = osdp.PermanentReaderControlCode.Nop
    return osdp.ReaderLedControls(
        [
            osdp.ReaderLedControl(
                0, 0, temporary_mode, 10, 0, lit, black, 20, permanent_mode, 0, 0, black, black
            )
        ]
    )


def main():
    logging.getLogger("osdp").setLevel(logging.CRITICAL)
    port, security = sys.argv[1:]
    panel = Panel(MASTER_KEY)
    line = panel.start_connection(osdp.SerialPortOsdpConnection(port, 9600))
    panel.add_device(line, ADDRESS, use_crc=True, use_secure_channel=security == "secure")
    over = threading.Event()

    def watch():
        last = None
        device = panel._buses[line]._configured_devices[ADDRESS]
        while not over.wait(0.05):
            now = {
                "online": device.is_online,
                "secure": device.is_security_established,
                "default": device.is_scbkd,
            }
            if now != last:
                say(now)
                last = now

    threading.Thread(target=watch, daemon=True).start()
    for text in sys.stdin:
        order = json.loads(text)
        if order["order"] == "lamp":
            panel.reader_led_control(line, ADDRESS, lamp(order["colour"], True))
        elif order["order"] == "identify":
            panel.id_report(line, ADDRESS)
        elif order["order"] == "relay":
            code = osdp.OutputControlCode.TemporaryStateOnResumePermanentState
            panel.output_control(line, ADDRESS, osdp.OutputControls([osdp.OutputControl(0, code, 50)]))
        elif order["order"] == "status":
            panel.local_status(line, ADDRESS)
        elif order["order"] == "text":
            words = PlainText(0, osdp.TextCommand.PermanentTextNoWrap, 0, 1, 1, order["text"])
            panel.send_command(line, osdp.ReaderTextOutputCommand(ADDRESS, words))
        say({"done": order["order"]})
    over.set()
    panel.shutdown()
    time.sleep(0.3)


main()
