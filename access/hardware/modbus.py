"""`ModbusBoard`: a relay of a Modbus board, over TCP or a serial line, by pymodbus."""

import logging

from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.pdu import ModbusPDU

from access.hardware.relay import ANSWER_S, door_inputs
from models.domain import DoorInputs
from models.errors import LockError
from models.settings.lock import ModbusLockSettings

DEFAULT_PORT = 502
LATE_S = 1.0


class ModbusBoard:
    """A coil that is the relay, and up to four discrete inputs. It is connected again after a failure."""

    def __init__(self, settings: ModbusLockSettings, *, answer_s: float = ANSWER_S) -> None:
        # The library logs every missing answer by itself; the lock reports it once.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        self._settings = settings
        self._client: ModbusSerialClient | ModbusTcpClient
        if settings.address.startswith("/"):
            # Over a serial line an answer does not say to which question.
            self.pause_s = LATE_S
            self._client = ModbusSerialClient(
                settings.address, baudrate=settings.baud, timeout=answer_s, retries=0
            )
        else:
            self.pause_s = 0.0
            host, _, port = settings.address.partition(":")
            self._client = ModbusTcpClient(host, port=int(port or DEFAULT_PORT), timeout=answer_s, retries=0)

    def switch_on(self, seconds: float) -> None:
        """Write the coil; it has no timer. Raises LockError."""
        self._write(True)

    def switch_off(self) -> None:
        """Write the coil. Raises LockError."""
        self._write(False)

    def is_on(self) -> bool:
        """The coil, read from the board. Raises LockError."""
        return self._read_bit("coil", self._settings.coil)

    def inputs(self) -> DoorInputs:
        """The discrete inputs, read from the board. Raises LockError."""
        settings = self._settings
        return door_inputs(
            contact=self._read_input(settings.contact_input),
            exit_request=self._read_input(settings.exit_input),
            tamper=self._read_input(settings.tamper_input),
            fire=self._read_input(settings.fire_input),
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _write(self, on: bool) -> None:
        settings = self._settings
        try:
            answer = self._client.write_coil(settings.coil, on, device_id=settings.device)
        except (ModbusException, OSError) as error:
            raise self._lost(error) from error
        self._check(answer)

    def _read_input(self, address: int | None) -> bool | None:
        return None if address is None else self._read_bit("input", address)

    def _read_bit(self, what: str, address: int) -> bool:
        read = self._client.read_coils if what == "coil" else self._client.read_discrete_inputs
        try:
            answer = read(address, count=1, device_id=self._settings.device)
        except (ModbusException, OSError) as error:
            raise self._lost(error) from error
        self._check(answer)
        return bool(answer.bits[0])

    def _check(self, answer: ModbusPDU) -> None:
        if answer.isError():
            raise LockError(
                f"the Modbus board refuses ({answer}): check lock.device, lock.coil and the inputs' numbers"
            )

    def _lost(self, error: Exception) -> LockError:
        self._client.close()  # type: ignore[no-untyped-call]
        return LockError(
            f"the Modbus board at {self._settings.address} does not answer ({error}): check its power, its "
            "cable and lock.address"
        )
