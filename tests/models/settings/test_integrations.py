"""The tables `[mqtt]` and `[[webhook]]`: what is allowed, and that no message shows a secret."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cli import settings as settings_command
from models.cli.output import Console
from models.errors import ConfigError
from models.settings.load import load_settings
from models.settings.settings import Settings

KEY = "whsec_c2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXMtLS0="
WEBHOOK = f'[[webhook]]\nname = "alarm"\nurl = "https://alarm.lan/doorward"\nkey = "{KEY}"\n'


def load(home: Path, text: str) -> Settings:
    (home / "doorward.toml").write_text(text)
    return load_settings(home)


def test_every_webhook_is_a_table_of_its_own(tmp_path: Path) -> None:
    second = '[[webhook]]\nname = "clock"\nurl = "http://127.0.0.1:8080/"\nkey_file = "keys/clock"\n'
    webhooks = load(tmp_path, WEBHOOK + second).webhook
    assert [each.name for each in webhooks] == ["alarm", "clock"]
    assert webhooks[1].key_file == tmp_path / "keys" / "clock"
    assert load(tmp_path, "").webhook == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[webhook]\nname = 'a'\n", r"write \[\[webhook\]\]"),
        (WEBHOOK + "retries = 3\n", r"no setting webhook.retries; did you mean webhook\.\w+"),
        (WEBHOOK + WEBHOOK, "same name"),
        (WEBHOOK.replace("https", "http"), "use https"),
        (WEBHOOK.replace("alarm.lan", "me:hunter2@alarm.lan"), "holds a password"),
        (WEBHOOK.replace("alarm.lan", "alarm.lan:port"), "port"),
        (WEBHOOK.replace("https://alarm.lan/doorward", "alarm.lan"), "write an address"),
        (WEBHOOK.replace("/doorward", "/a b"), "ASCII"),
        (WEBHOOK.replace("alarm.lan", "tür.lan"), "ASCII"),
        (WEBHOOK + "key_file = 'k'\n", "one of them"),
        (WEBHOOK.replace("url", "# url"), r"webhook\.0\.url: field required"),
        (WEBHOOK.replace(f'"{KEY}"', "123456789"), r"webhook\.0\.key"),
        (WEBHOOK + "timeout_s = 0\n", r"webhook\.0\.timeout_s = 0.*greater than 0"),
        ("[mqtt]\npassword = 'hunter2'\n", "needs mqtt.user"),
        ("[mqtt]\nuser = 'a'\npassword = 'hunter2'\npassword_file = 'p'\n", "not both"),
        ("[mqtt]\nuser = 'a'\npassword = 123456789\n", "mqtt.password"),
        ("[mqtt]\nca_file = 'ca.pem'\n", "mqtt.tls"),
        ("[mqtt]\nhost = 'mqtt://broker'\n", "mqtt.host"),
    ],
)
def test_a_wrong_table_is_refused_with_what_to_do_and_without_its_secrets(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        load(tmp_path, text)
    for secret in ("hunter2", KEY, "123456789"):
        assert secret not in str(refused.value)


@pytest.mark.parametrize("as_json", [True, False])
def test_config_show_hides_passwords_and_keys(tmp_path: Path, as_json: bool) -> None:
    load(tmp_path, WEBHOOK + '[mqtt]\nhost = "broker"\nuser = "a"\npassword = "hunter2"\n')
    console = Console(home=tmp_path, config=None, json=as_json)
    shown = CliRunner().invoke(settings_command.app, ["config", "show"], obj=console).stdout
    assert "https://alarm.lan/doorward" in shown
    assert "*****" in shown
    for secret in ("hunter2", KEY):
        assert secret not in shown
    if as_json:
        values = {row["setting"]: row["value"] for row in map(json.loads, shown.splitlines())}
        assert values["webhook.0.name"] == "alarm"
        assert values["mqtt.host"] == "broker"
