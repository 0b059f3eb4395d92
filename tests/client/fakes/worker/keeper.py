from tests.client.fakes import behaviour

behaviour.begin("keeper")
behaviour.wait_forever()
