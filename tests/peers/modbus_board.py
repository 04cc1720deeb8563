"""`ModbusPeer`: a Modbus board by pymodbus' own server, over TCP or at a serial port."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

WRITE_COIL = 5
READ_INPUTS = 2


class ModbusPeer:
    """32 coils and 32 discrete inputs. `stuck`: no coil changes. `late_s`: it answers late."""

    def __init__(self, *, tcp: tuple[str, int] | None = None, serial: str | None = None) -> None:
        self._tcp, self._serial = tcp, serial
        self.stuck = False
        self.late_s = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="modbus-peer")
        self._thread.start()
        self._inputs = [False] * 32
        self._server: Any = None

    def start(self) -> None:
        self._server = self._do(self._start())

    def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            self._do(server.shutdown())

    @property
    def running(self) -> bool:
        return self._server is not None

    def coil(self, number: int) -> bool:
        return bool(self._do(self._server.async_getValues(1, 1, number, 1))[0])

    def set_input(self, number: int, on: bool) -> None:
        self._inputs[number] = on
        self._do(self._server.async_setValues(1, READ_INPUTS, number, [on]))

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10.0)

    def _make_device(self) -> SimDevice:
        # Coils are off after a start; inputs are what is wired to them.
        bits = [
            [SimData(0, values=values, datatype=DataType.BITS)] for values in ([False] * 32, self._inputs)
        ]
        registers = [[SimData(0, count=2, values=0, datatype=DataType.REGISTERS)] for _ in range(2)]
        return SimDevice(1, (*bits, *registers), action=self._on_request)

    async def _on_request(
        self, function: int, _start: int, address: int, _count: int, held: Any, values: Any
    ) -> None:
        if function == WRITE_COIL and values and self.stuck:
            values[0] = bool(held[address // 16] >> address % 16 & 1)
        if self.late_s:
            await asyncio.sleep(self.late_s)

    async def _start(self) -> Any:
        for _ in range(100):  # the port of a board that has just died may still be taken
            server: Any
            if self._tcp is not None:
                server = ModbusTcpServer(self._make_device(), address=self._tcp)
            else:
                server = ModbusSerialServer(self._make_device(), port=self._serial or "", baudrate=9600)
            try:
                await server.serve_forever(background=True)
            except RuntimeError:
                await asyncio.sleep(0.05)
            else:
                return server
        raise AssertionError("the board does not start")
