from functools import partial

from django.apps import AppConfig
from django.core.signals import got_request_exception, request_finished, request_started, setting_changed
from django.db.backends.signals import connection_created
from django.test.signals import template_rendered

from .audit import WRITE_SIGNALS, AuditSwitch, ModelAudit
from .counts import COUNTS
from .signals import CHECKOUT, IMPORT_STOCK, measured
from .timer import Timer


class TelemetryConfig(AppConfig):
    name = "telemetry"

    def ready(self) -> None:
        from . import receivers

        self.timer = Timer(COUNTS)  # kept here: the connections to its methods are weak
        request_started.connect(self.timer.started)
        request_finished.connect(self.timer.finished)
        got_request_exception.connect(receivers.count_exception)
        connection_created.connect(receivers.count_connection)
        setting_changed.connect(receivers.count_setting)
        template_rendered.connect(receivers.count_template)

        self.audit = ModelAudit(COUNTS)
        for signal in WRITE_SIGNALS:
            signal.connect(self.audit, dispatch_uid="telemetry.audit")
        self.construction = AuditSwitch(self.audit)

        for sender in (CHECKOUT, IMPORT_STOCK):
            # weak=False: nobody else holds a partial; a uid, since each time ready() runs it is another one.
            measure = partial(receivers.add_measure, name=sender)
            measured.connect(measure, sender=sender, weak=False, dispatch_uid=f"telemetry.measure.{sender}")
