# Textos para las personas, en español de México. Un mensaje por código de error (el nombre es el
# del código), con sus atributos: .fix (cómo se arregla) y .example (un ejemplo). Después, la consola.

## Uso y configuración

usage = La orden está incompleta o no se entiende.
    .fix = Revise los argumentos con --help; el detalle dice cuál falta o sobra.
    .example = fedatario sat year --rfc EKU9003173C9 --year 2025
config_invalid = Un valor de la configuración no sirve.
    .fix = Corrija la variable de entorno o el archivo que nombra el detalle y repita la orden.
    .example = FEDATARIO_SAT_URL=http://127.0.0.1:8180
tenant_required = Hay varias organizaciones en esta carpeta y la orden no dice para cuál es.
    .fix = Nómbrela con --tenant o con la variable FEDATARIO_TENANT.
    .example = fedatario sat status --tenant local
environment_mismatch = El contribuyente se registró en un mundo (simulador o SAT) y la dirección configurada es del otro.
    .fix = Use la dirección con la que se registró, o registre al contribuyente en una carpeta aparte.
    .example = fedatario sat auth --rfc EKU9003173C9 --data ~/fedatario-produccion
data_foreign = La carpeta o la base de datos tiene contenido que la demostración no creó, y por eso no se toca.
    .fix = Elija una carpeta nueva o vacía, o una base de datos nueva, para la demostración.
    .example = fedatario demo --data /tmp/mi-demo
clock_offset_refused = El reloj de esta carpeta está adelantado y la dirección es la del SAT; sólo un simulador lo admite.
    .fix = Quite FEDATARIO_CLOCK_OFFSET_S, o use otra carpeta para hablar con el SAT.
    .example = fedatario sat year --rfc EKU9003173C9 --year 2025 --data ~/fedatario-produccion
permission_denied = Quien lo pide no tiene permiso para hacerlo.
    .fix = Pida a quien administra la organización el permiso que nombra el detalle.
    .example = TENANT_AUDIT_EXPORT
not_found = No hay nada con ese nombre o identificador en esta organización.
    .fix = Compruebe el identificador; con las órdenes de estado y de lista se ven los que existen.
    .example = fedatario sat status
id_format = El identificador no tiene la forma esperada.
    .fix = Cópielo completo, con su prefijo y sus 26 caracteres.
    .example = job_01k3zvh8m2e4ttx0n5sw2b9qrc

## Contribuyentes

rfc_format = El RFC no tiene la forma de un RFC.
    .fix = Son tres letras y nueve caracteres para una empresa, o cuatro letras y nueve para una persona, sin espacios ni guiones.
    .example = EKU9003173C9
taxpayer_unknown = Ese contribuyente no está registrado aquí.
    .fix = Regístrelo primero con su e.firma, o compruebe el RFC y la carpeta.
    .example = fedatario sat register --cer fiel.cer --key fiel.key --password-file clave.txt

## Certificados y llaves

certificate_format = El archivo no es un certificado que se pueda leer.
    .fix = Use el archivo .cer tal como lo entregó el SAT, sin abrirlo ni convertirlo.
    .example = 00001000000500000000.cer
certificate_subject = El certificado no dice a qué RFC pertenece.
    .fix = Use el .cer de una e.firma del SAT; los certificados de servidores y navegadores no sirven.
    .example = openssl x509 -inform der -in fiel.cer -noout -subject
key_format = El archivo no es una llave privada que se pueda leer.
    .fix = Use el archivo .key que acompaña a su .cer, completo y sin convertir.
    .example = Claveprivada_FIEL_EKU9003173C9.key
key_password = La contraseña no abre la llave, o el archivo de la llave está dañado.
    .fix = Escriba la contraseña de la llave (no la del portal del SAT) en la primera línea del archivo y repita.
    .example = printf '%s\n' 'mi contraseña' > clave.txt
key_mismatch = La llave y el certificado no son pareja.
    .fix = Reúna el .cer y el .key del mismo trámite; tras una renovación cambian los dos.
    .example = fedatario sat register --cer 2025/fiel.cer --key 2025/fiel.key --password-file clave.txt
pkcs12_format = El archivo .p12 o .pfx no se puede leer.
    .fix = Vuelva a exportarlo con su certificado y su llave, o use el .cer y el .key por separado.
    .example = fedatario sat register --cer fiel.cer --key fiel.key --password-file clave.txt
pkcs12_bounds = El archivo .p12 o .pfx pide más trabajo o más partes de lo razonable, y no se abrió.
    .fix = Vuelva a exportarlo con los valores habituales y sólo con el certificado y la llave de la e.firma.
    .example = openssl pkcs12 -export -in fiel.pem -inkey llave.pem -out fiel.p12
fiel_required = Es un certificado de sello digital (CSD), y aquí hace falta la e.firma.
    .fix = Use el .cer y el .key de la e.firma (FIEL) del contribuyente.
    .example = fedatario sat register --cer FIEL_EKU9003173C9.cer --key FIEL_EKU9003173C9.key --password-file clave.txt
certificate_expired = El certificado ya venció.
    .fix = Renueve la e.firma ante el SAT y registre los archivos nuevos.
    .example = fedatario sat register --cer nueva.cer --key nueva.key --password-file clave.txt
certificate_not_yet_valid = El certificado todavía no entra en vigor.
    .fix = Espere a la fecha que dice el detalle y compruebe que el reloj del equipo esté en hora.
    .example = timedatectl status
certificate_chain = La cadena del certificado no llega a una autoridad de confianza.
    .fix = Dé con --ca el certificado de la autoridad que lo emitió, y compruebe la fecha a la que se pregunta.
    .example = fedatario xml verify --ca AC5_SAT.pem documento.xml
certificate_taxpayer_mismatch = El certificado es de otro contribuyente.
    .fix = Use la e.firma del contribuyente que nombró, o corrija el RFC.
    .example = openssl x509 -inform der -in fiel.cer -noout -subject

## Bóveda

root_key_missing = Falta la llave raíz, y sin ella nada de lo guardado bajo llave se abre.
    .fix = Devuelva a su lugar el archivo root.key desde su respaldo, o dé la llave o la frase por el entorno.
    .example = FEDATARIO_ROOT_KEY_FILE=/run/secrets/root.key
root_key_wrong = La llave raíz no sirve: no es la de esta carpeta, está dañada o la pueden leer otros.
    .fix = Use la llave con la que se creó la carpeta; su archivo debe ser sólo de usted (modo 0600).
    .example = chmod 600 root.key
seal_broken = Algo guardado bajo llave no se abre: fue alterado o está en el lugar de otro.
    .fix = No lo sobrescriba; recupere de un respaldo la pieza que nombra el detalle y avise a quien opera el sistema.
    .example = fedatario audit verify
credential_missing = El contribuyente no tiene una e.firma en uso.
    .fix = Registre su .cer y su .key.
    .example = fedatario sat register --cer fiel.cer --key fiel.key --password-file clave.txt
credential_blocked = El SAT rechazó la e.firma (revocada, vencida o inválida) y se dejó de usar.
    .fix = Compruebe con el contribuyente el estado de su e.firma y registre una vigente; el trabajo sigue donde quedó.
    .example = fedatario sat register --cer nueva.cer --key nueva.key --password-file clave.txt
purpose_refused = La llave no se usa para eso: la bóveda sólo firma lo que corresponde a su propósito.
    .fix = Use la credencial adecuada: la e.firma para el SAT, el sello para los comprobantes.
    .example = fedatario sat auth --rfc EKU9003173C9
crypto_failed = Una operación criptográfica falló sin que los datos fueran la causa.
    .fix = Repita la orden; si vuelve a pasar, guarde el registro y avise a quien opera el sistema.
    .example = FEDATARIO_LOG=debug fedatario sat auth --rfc EKU9003173C9

## XML y firmas

xml_too_large = El XML es más grande de lo que se admite.
    .fix = Compruebe que el archivo sea un solo comprobante de menos de 64 MiB.
    .example = ls -l factura.xml
xml_too_deep = El XML tiene más elementos, o más unos dentro de otros, de lo que tiene un documento fiscal.
    .fix = Pida el original a quien lo emitió; un comprobante auténtico no llega a ese límite.
    .example = xmllint --noout factura.xml
xml_doctype = El XML trae una declaración DOCTYPE, que aquí nunca se acepta.
    .fix = Use el archivo original, sin DOCTYPE ni entidades propias.
    .example = grep -c DOCTYPE factura.xml
xml_malformed = El XML está mal formado: cortado, con texto ajeno o con otra codificación.
    .fix = Descárguelo otra vez o pida el original; el detalle dice dónde deja de leerse.
    .example = xmllint --noout factura.xml
signature_missing = El documento no tiene la firma que debería tener.
    .fix = Use el documento firmado tal como se recibió, sin volver a guardarlo.
    .example = grep -c SignatureValue documento.xml
signature_ambiguous = El documento tiene varias firmas o varias partes con el mismo identificador, y no se sabe cuál vale.
    .fix = No se fíe de él; pida el original a quien lo firmó.
    .example = grep -o 'Id="[^"]*"' documento.xml
signature_algorithm = La firma usa un método que aquí no se acepta.
    .fix = Pida que se firme con RSA y SHA-256.
    .example = http://www.w3.org/2001/04/xmldsig-more#rsa-sha256
signature_reference = La firma no cubre la parte del documento que debe cubrir.
    .fix = No se fíe de él; pida el original a quien lo firmó.
    .example = grep -o 'URI="[^"]*"' documento.xml
signature_untrusted = La firma es de alguien en quien no se confía para este fin.
    .fix = Compruebe de quién es el certificado y que su autoridad esté entre las de confianza.
    .example = fedatario sandbox sat --trust carpeta-de-autoridades
signature_invalid = La firma no corresponde al documento ni a la llave de quien dice firmarlo.
    .fix = No se fíe de él; pida el original a quien lo firmó.
    .example = fedatario sat report --check reporte-2025.json
signature_digest = El contenido cambió después de firmarse.
    .fix = No se fíe de él; recupere el archivo original.
    .example = fedatario sat report --check reporte-2025.json

## Documentos, metadata y paquetes

cfdi_format = El XML no es un CFDI ni un CFDI de retenciones.
    .fix = Compruebe que sea el XML del comprobante, no su acuse ni su representación impresa.
    .example = cfdi:Comprobante
cfdi_unstamped = El CFDI no está timbrado: le falta el folio fiscal (UUID).
    .fix = Use el XML que devolvió el proveedor de certificación, con su TimbreFiscalDigital.
    .example = grep -o 'UUID="[^"]*"' factura.xml
metadata_format = La metadata no tiene las columnas o los valores que entrega el SAT.
    .fix = Use el paquete original del SAT, sin abrirlo en una hoja de cálculo.
    .example = Uuid~RfcEmisor~NombreEmisor~RfcReceptor
efos_list_format = El archivo no es un listado 69-B que se pueda leer.
    .fix = Use el CSV completo que publica el SAT; una página de error guardada con ese nombre no lo es.
    .example = fedatario sat efos load Listado_completo_69-B.csv
line_too_long = Una línea de la metadata pasa de 64 KiB.
    .fix = Use el paquete original del SAT; una línea auténtica no llega a ese límite.
    .example = fedatario sat import --rfc EKU9003173C9 paquete.zip
archive_format = El archivo no es un ZIP que se pueda leer, o está cortado.
    .fix = Descárguelo otra vez; el original sigue guardado tal como llegó.
    .example = unzip -t paquete.zip
archive_empty = El paquete está vacío: cero bytes.
    .fix = Descárguelo otra vez; si el SAT lo entrega vacío, la ventana se vuelve a pedir.
    .example = fedatario sat download --rfc EKU9003173C9
archive_too_large = El paquete, o algo dentro de él, es más grande de lo que se admite.
    .fix = Divida el paquete: hasta 1 GiB por paquete y 64 MiB por comprobante.
    .example = unzip -l paquete.zip
archive_ratio = Algo dentro del paquete se infla más de cien veces, como una bomba de descompresión.
    .fix = No lo abra; compruebe de dónde viene. El SAT no entrega paquetes así.
    .example = unzip -v paquete.zip
archive_entries = El paquete tiene más de 250,000 archivos.
    .fix = Divida el paquete; el SAT entrega como máximo 200,000 comprobantes por solicitud.
    .example = unzip -l paquete.zip | tail -1

## Preguntas sobre lo que hay aquí

period_format = Eso no es un periodo.
    .fix = Escriba un año, un mes, dos meses o dos fechas con «..» entre ellos; la segunda se incluye.
    .example = 2025, 2025-03, 2025-03..2025-06, 2025-03-01..2025-03-15
filter_format = Un filtro no se entiende.
    .fix = Revise el filtro que se nombra: tipo I, E, T, N, P o R; estado vigente, cancelado o unknown; importes con punto decimal; UUID completos.
    .example = fedatario sat query --rfc EKU9003173C9 --type I,E --min 1000.00 --status vigente
output_failed = No se puede escribir el archivo de salida.
    .fix = Compruebe que la carpeta existe, que se puede escribir en ella y que queda espacio; no quedó nada a medias.
    .example = df -h . && fedatario sat export --rfc EKU9003173C9 --year 2025 --format csv -o cfdi-2025.csv

## Ventanas de tiempo

window_order = La fecha inicial no es anterior a la final.
    .fix = Ponga primero la más antigua; deben distar al menos un segundo.
    .example = 2025-01-01T00:00:00 a 2025-01-31T23:59:59
window_too_old = El SAT sólo entrega los últimos seis años, y la fecha pedida es anterior.
    .fix = Pida un año dentro de los últimos seis; lo anterior se importa de paquetes que ya tenga.
    .example = fedatario sat import --rfc EKU9003173C9 paquete-2018.zip
window_future = La ventana termina en el futuro.
    .fix = Pida hasta el momento actual; el año en curso se corta solo y se completa después.
    .example = fedatario sat year --rfc EKU9003173C9 --year 2025
window_received_cancelled = El SAT no entrega el XML de los recibidos cancelados.
    .fix = Pida los recibidos vigentes; los cancelados aparecen en la metadata y se listan aparte.
    .example = fedatario sat report --rfc EKU9003173C9 --year 2025
window_asked = Esa misma ventana ya se pidió, y el SAT cuenta las solicitudes iguales de por vida.
    .fix = Siga la solicitud que la tiene: el estado dice cuál es y cuántas variantes quedan.
    .example = fedatario sat status --rfc EKU9003173C9 --year 2025
window_exhausted = Ya se usaron todas las variantes permitidas de esa ventana.
    .fix = Recupere los paquetes de un respaldo o del portal del SAT e impórtelos a mano.
    .example = fedatario sat import --rfc EKU9003173C9 paquete.zip

## Autoridades

authority_unreachable = No hubo conexión con la autoridad; no le llegó nada.
    .fix = Compruebe la red y espere; el trabajo se reintenta solo y la orden se puede repetir sin riesgo.
    .example = curl -sI https://cfdidescargamasivasolicitud.clouda.sat.gob.mx
authority_unanswered = La autoridad no respondió, y lo enviado pudo haberle llegado.
    .fix = No lo envíe otra vez a mano: el sistema lo marca como incierto y lo resuelve sin duplicarlo.
    .example = fedatario sat status --rfc EKU9003173C9
authority_throttled = La autoridad pidió esperar, o se alcanzó el ritmo que nos permitimos.
    .fix = Espere; el trabajo sigue solo a su hora.
    .example = fedatario jobs list --state ready
authority_session = La autoridad no aceptó la sesión o el inicio de sesión.
    .fix = Compruebe que la e.firma esté vigente y que el reloj del equipo esté en hora.
    .example = fedatario sat auth --rfc EKU9003173C9
authority_rejected = La autoridad rechazó lo pedido; el detalle trae su código y sus palabras.
    .fix = Lea en el estado qué significa el código y a quién le toca actuar.
    .example = fedatario sat status --rfc EKU9003173C9
breaker_open = La autoridad ha fallado varias veces seguidas, y por un rato no se le llama.
    .fix = Espere; una llamada de prueba se hace sola y lo demás continúa cuando responda.
    .example = fedatario sat status --rfc EKU9003173C9
login_cooling = La autoridad rechazó hace poco el inicio de sesión de esta e.firma, y se espera antes de insistir.
    .fix = Compruebe la vigencia de la e.firma; se vuelve a intentar solo, entre un minuto y una hora después.
    .example = fedatario sat auth --rfc EKU9003173C9
attempts_exhausted = Ya se hicieron los intentos que la autoridad permite para esto.
    .fix = No insista; el sistema pide lo mismo por otra vía si la hay, y si no lo deja a la vista para una persona.
    .example = fedatario sat status --rfc EKU9003173C9
soap_malformed = La autoridad contestó algo que no es una respuesta suya (una página web, un texto cortado).
    .fix = Espere y repita; suele ser mantenimiento. Compruebe también la dirección configurada.
    .example = fedatario sat verify --rfc EKU9003173C9
package_truncated = La descarga del paquete se cortó antes de terminar.
    .fix = Se pide por segunda vez sola; si también se corta, la ventana se vuelve a solicitar.
    .example = fedatario sat download --rfc EKU9003173C9

## Almacenamiento y trabajos

store_unavailable = No se puede usar la base de datos.
    .fix = Compruebe que esté encendida, que haya espacio en disco y que la dirección sea la correcta; después repita.
    .example = FEDATARIO_DATABASE_URL=postgres://fedatario@127.0.0.1/fedatario
store_conflict = Alguien cambió lo mismo al mismo tiempo, y no se escribió nada.
    .fix = Repita la orden.
    .example = fedatario sat status --rfc EKU9003173C9
schema_newer = La base de datos fue escrita por una versión más nueva del programa.
    .fix = Actualice el programa; no use la versión anterior sobre estos datos.
    .example = fedatario --version
blob_unavailable = No se puede leer o escribir en el almacén de archivos.
    .fix = Compruebe el espacio en disco y los permisos de la carpeta; después repita.
    .example = df -h ~/.local/share/fedatario
blob_corrupt = Un archivo guardado no coincide con su huella: cambió después de guardarse.
    .fix = Recupérelo de un respaldo; el detalle dice cuál es.
    .example = sha256sum paquete.zip
lease_lost = Otro proceso tomó este trabajo, y lo hecho aquí no se escribió.
    .fix = No hace falta nada: el otro proceso lo termina.
    .example = fedatario jobs list --state running
job_dead = Un trabajo falló tantas veces que se dejó de intentar.
    .fix = Lea su último error, corrija la causa y vuelva a ponerlo en marcha.
    .example = fedatario jobs retry job_01k3zvh8m2e4ttx0n5sw2b9qrc
schedule_format = El horario no se entiende.
    .fix = Escriba cinco campos (minuto, hora, día, mes, día de la semana) y una zona horaria.
    .example = 0 23 * * * America/Mexico_City
internal = Algo falló dentro del programa.
    .fix = Repita la orden; si vuelve a pasar, guarde el registro y avise a quien opera el sistema.
    .example = FEDATARIO_LOG=debug fedatario sat status

## Auditoría

audit_altered = Un asiento de la auditoría fue modificado.
    .fix = Conserve la copia tal como está y compárela con una exportación anterior desde el número que se indica.
    .example = fedatario audit verify exportacion-anterior.ndjson
audit_gap = Falta un asiento en medio de la auditoría.
    .fix = Conserve la copia tal como está y busque el asiento en una exportación anterior.
    .example = fedatario audit verify exportacion-anterior.ndjson
audit_reordered = Los asientos de la auditoría están en otro orden.
    .fix = Conserve la copia tal como está y compárela con una exportación anterior.
    .example = fedatario audit verify exportacion-anterior.ndjson
audit_truncated = A la auditoría le faltan los últimos asientos.
    .fix = Conserve la copia tal como está y recupere el final de un respaldo o de una exportación.
    .example = fedatario audit verify exportacion-anterior.ndjson
audit_foreign = En la auditoría hay un asiento que no es de esta cadena.
    .fix = Conserve la copia tal como está y averigüe de dónde vino el asiento que se indica.
    .example = fedatario audit verify exportacion.ndjson
audit_checkpoint = Un punto de control firmado no coincide con la cadena o con la llave.
    .fix = Compruebe con qué llave se verifica; si es la correcta, la cadena cambió después de firmarse.
    .example = fedatario audit verify exportacion.ndjson --key "$(cat audit.pub)"
audit_format = El archivo no es una exportación de auditoría, o la llave no tiene la forma esperada.
    .fix = Use el archivo que escribió la exportación, sin editarlo ni cortarlo.
    .example = fedatario audit export --output exportacion.ndjson

## Reportes

report_incomplete = Faltan documentos que la metadata menciona.
    .fix = Vea la lista en el reporte y repita el año; lo que siga faltando se pide de nuevo o se importa a mano.
    .example = fedatario sat year --rfc EKU9003173C9 --year 2025
report_signature = El archivo no es un reporte firmado por esta instalación, o cambió después de firmarse.
    .fix = Use el archivo original, o haga el reporte de nuevo.
    .example = fedatario sat report --rfc EKU9003173C9 --year 2025

## Respuestas del SAT

sat-no-answer = El SAT todavía no ha contestado nada sobre esta solicitud.
sat-unknown-code = El SAT contestó { $code } «{ $words }», un código que no conocemos: no se toma por éxito ni por fracaso.
sat-who-taxpayer = Le toca actuar al contribuyente.
sat-who-us = Le toca actuar a quien opera este sistema.
sat-who-sat = Depende del SAT; hay que esperar.
sat-who-nobody = Nadie tiene que hacer nada.

## Lo que dice la consola

cli-yes = sí
cli-no = no
cli-registered = Registrado: { $rfc }, { $name }. Certificado { $number }, vigente hasta { $until }.
cli-registered-already = Ya estaba registrado: { $rfc }, { $name }. Certificado { $number }, vigente hasta { $until }.
cli-authenticated = El SAT aceptó la e.firma de { $rfc }. La sesión dura hasta { $until }.
cli-planned = Solicitudes nuevas: { $planned }. Ventanas que ya se habían pedido: { $held }.
cli-held = Ya pedida: { $window }, por { $id } ({ $state }). Variantes que quedan: { $left }.
cli-states = Solicitudes: { $states }.
cli-report = CFDI: { $cfdi }. Metadata: { $metadata }. Faltantes: { $missing }. El SAT no los entrega: { $apart }. Reporte: { $path }
cli-incomplete = El año no está completo: ventanas sin respuesta: { $windows }. El reporte las nombra.
cli-not-getting-on = Nada avanza ({ $why }). El trabajo queda donde está: el mismo comando, o «fedatario serve», lo retoma.
cli-pass = Trabajos atendidos: { $done }. Solicitudes: { $states }.
cli-imported = Archivos: { $files }. CFDI nuevos: { $cfdi }. Metadata: { $metadata }. Repetidos: { $duplicates }. En cuarentena: { $quarantined }. De otros: { $foreign }. Ignorados: { $ignored }.
cli-counts = CFDI: { $cfdi }. Metadata: { $metadata }. De otros: { $foreign }. En cuarentena: { $quarantined }.
cli-checked = Firma correcta: { $signature } (llave { $key }). Coincide con lo que hay aquí: { $agrees }.
cli-check-seals = Sellos: { $documents } documentos, { $good } buenos. Revisados ahora: { $judged }. De antes: { $known }. Sin revisar: { $unchecked }.
cli-check-no-trust = Confianza sin comprobar: ninguna autoridad está configurada (FEDATARIO_SAT_TRUST), así que nadie responde por los certificados.
cli-check-status = Estado ante el SAT: preguntados { $asked }, ya sabidos { $known }, sin respuesta { $unanswered }.
cli-check-cut = Las preguntas al SAT se cortaron ({ $why }). La misma orden sigue donde se quedó.
cli-check-no-list = No hay listado 69-B: cárguelo con «fedatario sat efos load».
cli-check-findings = Hallazgos. Apócrifos: { $forged }. Alterados: { $altered }. Cancelados: { $cancelled }. Sin poder comprobar: { $unverifiable }. Contrapartes en el 69-B: { $listed }.
cli-check-listed = { $rfc }  en el 69-B: { $situation }  documentos: { $documents }  { $name }
cli-check-files = Archivos: { $files }. Buenos: { $good }.
cli-certificates-loaded = Certificados leídos: { $given }. Nuevos: { $new }. En total: { $all }.
cli-efos-loaded = Listado 69-B cargado: { $rows } contribuyentes, al { $dated }, de { $source }.
cli-efos-same = Ese listado 69-B ya estaba: { $rows } contribuyentes, al { $dated }, de { $source }.
cli-efos-listed = Del listado 69-B: { $rows }, al { $dated }, de { $source }.
cli-efos-none = Todavía no se ha cargado ningún listado 69-B.
    .fix = Cárguelo con «fedatario sat efos load», del SAT o de un archivo.
cli-verdict-good = bueno
cli-verdict-unverifiable = sin comprobar
cli-verdict-cancelled = cancelado
cli-verdict-altered = alterado
cli-verdict-forged = apócrifo
cli-reason-seal-mismatch = El sello no corresponde al contenido.
cli-reason-stamp-mismatch = El sello del SAT no corresponde al timbre.
cli-reason-stamp-of-another = El timbre es de otro sello.
cli-reason-certificate-of-another = El certificado no es del emisor.
cli-reason-certificate-number = El número del certificado no es el que dice el documento.
cli-reason-certificate-untrusted = El certificado del emisor no viene de una autoridad configurada.
cli-reason-stamp-certificate-untrusted = El certificado del timbre no viene de una autoridad configurada.
cli-reason-several-stamps = Lleva más de un timbre.
cli-reason-unknown-to-sat = El SAT no lo conoce, y ya debería.
cli-reason-cancelled-at-sat = El SAT dice que está cancelado.
cli-reason-cancelled-in-metadata = La metadata dice que está cancelado.
cli-reason-not-yet-known = El SAT aún no lo conoce; puede tardar 72 horas.
cli-reason-expression-refused = El SAT no entendió la pregunta (601).
cli-reason-status-unknown = El SAT contestó algo que no se conoce.
cli-reason-no-expression = Con su total o su versión no se puede preguntar al SAT.
cli-reason-unsealed = No lleva sello.
cli-reason-unstamped = No lleva timbre.
cli-reason-certificate-missing = Falta el certificado del emisor; pruebe con --fetch-certificates.
cli-reason-stamp-certificate-missing = Falta el certificado del timbre; pruebe con --fetch-certificates.
cli-reason-certificate-unreadable = El certificado que lleva no se puede leer.
cli-reason-unknown-complement = Lleva un complemento cuyo orden no se conoce.
cli-reason-ambiguous-text = Algún valor lleva la barra que separa valores.
cli-reason-self-stamped = Lo certificó el propio emisor.
cli-reason-sha1 = Todo corresponde, pero con SHA-1, que hoy prueba poco.
cli-reason-unreadable = No se puede leer como documento con sello.
cli-progress = CFDI { $cfdi }, metadata { $metadata }
cli-done = Hecho: { $id }.
cli-keys = Llaves renovadas: { $moved }. Pendientes: { $behind }.
cli-report-unpinned = Sin llave conocida (unpinned): sólo el propio archivo responde por su firma. Para más certeza, dé la llave con --key.
cli-report-other-key = Lo firmó otra llave: ni la que se dio ni la de ninguna organización de esta carpeta.
cli-no-folder = En esa carpeta no hay nada de Fedatario, y una consulta no la crea.
    .fix = Revise --data o FEDATARIO_DATA; la crean «sat register», «sat import», «sat year», «serve» y «tenant add».
cli-root-elsewhere = La llave raíz viene del entorno o de una frase, y aquí sólo se renueva la que está en root.key.
    .fix = Pásela a root.key (modo 0600, una línea «versión base64»), quite la variable y repita la orden.
cli-tenant-added = Organización añadida: { $name } ({ $id }).
cli-tenant-there = Ya estaba la organización: { $name } ({ $id }).
cli-doctor-folder = Carpeta
    .fix = Que sólo su dueño la lea: chmod 700.
cli-doctor-space = Espacio libre
    .fix = Libere disco antes de pedir más: un año de un contribuyente grande ocupa varios GiB.
cli-doctor-objects = Objetos: se escribe y se lee
    .fix = Revise los permisos de objects/ o las credenciales del depósito.
cli-doctor-worker = Trabajos que nadie atiende
    .fix = Ponga en marcha «fedatario serve».
cli-doctor-world = Mundo
cli-doctor-address = Dirección del SAT
    .fix = Revise red, DNS, proxy y autoridades de confianza de esta máquina; si otras direcciones responden, el SAT puede estar fuera de servicio.
cli-doctor-clock = Reloj de esta máquina frente al del SAT
    .fix = Sincronice el reloj (timedatectl): el SAT rechaza sesiones con minutos de diferencia.
cli-doctor-taxpayers = Contribuyentes
    .fix = Registre uno con «sat register» o traiga paquetes con «sat import».
cli-doctor-other-world = Contribuyente de otro mundo
    .fix = Esta carpeta mezcla simulador y SAT: use FEDATARIO_SAT_URL del simulador, u otra carpeta.
cli-doctor-efirma = e.firma vigente
    .fix = Está por vencer: renuévela en el SAT y vuelva a registrarla.
cli-doctor-efirma-blocked = e.firma que el SAT rechazó
    .fix = Pregunte al contribuyente si la renovó o revocó y registre la nueva; lo bloqueado continúa solo.
cli-doctor-efirma-lapsed = e.firma vencida
    .fix = Registre la nueva con «sat register».
cli-doctor-dead-jobs = Trabajos abandonados
    .fix = «jobs list --state dead» nombra la causa; corríjala y use «jobs retry».
cli-doctor-healthy = Todo está en orden.
cli-doctor-ill = Hay algo que atender.
cli-stopping = Se detiene: lo empezado se deja terminar. Otro Ctrl+C termina en el acto.
cli-interrupted = Interrumpido antes del final. La misma orden sigue donde se quedó.
cli-audit-intact = Auditoría íntegra. Asientos: { $entries }. Anclados hasta: { $anchored }. Sin anclar: { $unanchored }. Llave: { $key }.
cli-audit-damaged = La auditoría está dañada. Asientos: { $entries }. Anclados hasta: { $anchored }. Sin anclar: { $unanchored }. Llave: { $key }.
cli-audit-unpinned = Se comprobó con la llave que trae el propio archivo. Para más certeza, dé la llave con --key.
cli-audit-exported = Asientos exportados: { $entries }, en { $path }. Llave pública: { $key }
cli-verify-good = Firma correcta.
cli-verify-bad = No es una firma correcta ({ $code }): { $what }
cli-verify-signed = Firmado: { $root } ({ $bytes } bytes canónicos), referencia «{ $reference }», { $hash } { $digest }
cli-verify-signer = Firmante: { $subject }. Identificación fiscal: { $tax_id }. Certificado { $number }, vigente de { $from } a { $until }.
cli-verify-chain = Cadena comprobada a { $at }: { $path }
cli-verify-unchecked = Cadena sin comprobar: quien firmó puede ser cualquiera. Para comprobarla, dé las autoridades con --ca.
cli-verify-lapsed = A { $at } el certificado está fuera de su vigencia.
cli-inspect-certificate = { $file }: certificado { $kind }. { $tax_id } { $name }. Número { $number }, vigente de { $from } a { $until }. Lo emitió { $issuer }. Llave: { $key }
cli-inspect-key = { $file }: llave RSA de { $bits } bits. Certificado: { $key }
cli-inspect-closed = { $file }: llave con contraseña; no se abrió. Dé la contraseña con --password-file.
cli-inspect-refused = { $file }: { $code }. { $what } { $detail }
cli-demo-begin = Demostración: { $rfc }, año { $year }. El simulador del SAT está en { $url } y todo queda en { $dir }.
cli-demo-lies = Los documentos, los paquetes y el reporte están en { $objects }.
cli-demo-serving = Listo. El simulador sigue en { $url } y el trabajo en { $dir }. Termine con Ctrl+C.
cli-serving = Trabajando con { $dir }. Termine con Ctrl+C.
cli-sandbox-serving = Simulador del SAT en { $url }, con { $documents } documentos. Termine con Ctrl+C.

## Ayuda de cada orden

cli = Descarga, guarda y comprueba todos los CFDI de sus clientes.
cli-demo = Muestra todo el camino contra un simulador del SAT, sin credenciales ni conexión.
cli-serve = Atiende los trabajos y los horarios hasta que se le diga basta.
cli-sat = Descarga masiva del SAT.
cli-sat-register = Registra a un contribuyente con su e.firma.
cli-sat-auth = Comprueba que el SAT acepta la e.firma.
cli-sat-year = Pide un año completo y lo trae: metadata y CFDI, emitidos y recibidos.
cli-sat-verify = Pregunta una vez cómo van las solicitudes abiertas.
cli-sat-download = Descarga una vez los paquetes que están listos.
cli-sat-import = Lee paquetes que ya se tienen; no hace falta ninguna cuenta.
cli-sat-status = Muestra cómo van las solicitudes, con las palabras del SAT y lo que significan.
cli-sat-report = Hace el reporte de un año (qué falta y qué no entrega el SAT), o comprueba uno.
cli-sat-check = Dice qué CFDI son apócrifos, están alterados o cancelados, y qué contrapartes están en el 69-B.
cli-sat-efos = Listado del artículo 69-B.
cli-sat-efos-load = Carga el listado, del SAT, de una dirección o de un archivo.
cli-sat-efos-list = Muestra el listado cargado.
cli-sat-certificates = Certificados conocidos por su número.
cli-sat-certificates-load = Guarda certificados de archivos o carpetas.
cli-sandbox = Simuladores de las autoridades.
cli-sandbox-sat = Simulador del servicio de descarga masiva del SAT.
cli-audit = La auditoría: comprobarla y llevarse una copia.
cli-audit-verify = Comprueba la cadena: la de la base de datos, o la de un archivo sin base de datos.
cli-audit-export = Escribe la cadena completa con un punto de control firmado.
cli-audit-key = Muestra la llave pública de los puntos de control y los reportes.
cli-vault = Las llaves que protegen las credenciales.
cli-vault-rotate = Crea una versión nueva de una llave y pone bajo ella lo que ya hay.
cli-vault-status = Dice cuánto queda bajo una versión anterior.
cli-jobs = Los trabajos pendientes, en curso y fallidos.
cli-jobs-list = Lista los trabajos.
cli-jobs-retry = Vuelve a poner en marcha un trabajo.
cli-jobs-cancel = Retira un trabajo que nadie está haciendo.
cli-schedule = Horarios: el año en curso, pedido sin que nadie lo pida.
cli-schedule-set = Pone, cambia o apaga el horario de un contribuyente.
cli-schedule-list = Lista los horarios y sus próximas horas.
cli-tenant = Las organizaciones para las que se trabaja.
cli-tenant-add = Añade una organización.
cli-tenant-list = Lista las organizaciones.
cli-xml = Canoniza, firma y comprueba XML, sin carpeta ni cuenta.
cli-xml-c14n = Escribe la forma canónica de un XML.
cli-xml-sign = Firma un XML (RSA-SHA256, dentro del propio documento) y lo escribe.
cli-xml-verify = Comprueba la firma de un XML: qué se firmó, quién y si su cadena se sostiene.
cli-cert = Certificados y llaves, sin carpeta ni cuenta.
cli-cert-inspect = Dice qué es cada certificado o llave, de quién y hasta cuándo.
cli-cfdi = CFDI sueltos, sin carpeta ni cuenta.
cli-cfdi-json = Escribe el JSON de un CFDI.
cli-any-help = Muestra esta ayuda, o la de una orden.
cli-doctor = Revisa que todo esté en orden: carpeta, llaves, espacio, trabajos, e.firmas y, con --sat, el camino al SAT.
cli-explain = Explica un código de error: qué pasó, cómo se arregla y un ejemplo.

## Ayuda de los argumentos

cli-help-usage = Uso
cli-help-commands = Órdenes
cli-help-command = ORDEN
cli-help-arguments = Argumentos
cli-help-options = Opciones
cli-help-values = [valores: { $values }]
cli-help-default = [si no se dice: { $values }]
cli-any--help = Muestra la ayuda
cli-any--version = Muestra la versión
cli-any--subcommand = Orden de la que se quiere la ayuda
cli-any--data = Carpeta con todo: base de datos, documentos, llave raíz
cli-any--tenant = Organización para la que se trabaja
cli-any--json = Escribe el resultado como un objeto JSON en la última línea
cli-any--log-json = Escribe el registro como JSON
cli-any--rfc = RFC del contribuyente
cli-any--year = Año fiscal
cli-any--cfdi = Carpeta de CFDI con que se llena el simulador
cli-any--generate = Inventa N documentos en lugar de leerlos
cli-any--seed = Semilla de los documentos inventados: la misma da los mismos
cli-demo--once = Termina al completar el año, sin quedarse atendiendo
cli-demo--year = Año que se pide; si no, aquel con más documentos
cli-demo--rfc = RFC que se usa; si no, el que aparece en más documentos
cli-sat-register--cer = Certificado de la e.firma (.cer)
cli-sat-register--key = Llave privada de la e.firma (.key)
cli-sat-register--p12 = Certificado y llave juntos (.p12 o .pfx)
cli-sat-register--password-file = Archivo cuya primera línea es la contraseña de la llave
cli-sat-year--issued = Sólo los emitidos
cli-sat-year--received = Sólo los recibidos
cli-sat-year--both = Emitidos y recibidos (así es si no se dice nada)
cli-sat-year--retry = Vuelve a pedir, un segundo más ancha, cada ventana rechazada o detenida
cli-sat-year--detach = Deja el trabajo a «fedatario serve» y termina
cli-sat-import--packages = Paquetes ZIP del SAT
cli-sat-report--check = Comprueba la firma de un reporte y si coincide con lo que hay aquí
cli-sat-report--key = Llave pública que debe haber firmado el reporte
cli-sat-check--from = Emitidos desde este día (AAAA-MM-DD)
cli-sat-check--to = Emitidos hasta este día, incluido
cli-sat-check--uuids = Sólo este folio fiscal; se puede repetir
cli-sat-check--seals = Comprueba sellos y timbres
cli-sat-check--status = Pregunta al SAT por el estado de todos
cli-sat-check--efos = Busca las contrapartes en el listado 69-B
cli-sat-check--fetch-certificates = Pide al SAT los certificados que falten
cli-sat-check--again = Revisa y pregunta otra vez lo ya sabido
cli-sat-check--stale-days = Días tras los que se vuelve a preguntar por lo que dice la metadata
cli-sat-check--certificates = Certificados que conviene conocer, archivo o carpeta
cli-sat-check--output = Archivo NDJSON para los hallazgos
cli-sat-check--files = Documentos XML, o - para la entrada estándar
cli-sat-efos-load--source = Archivo o dirección; si falta, la del SAT
cli-sat-certificates-load--files = Certificados, archivos o carpetas
cli-tenant-add--name = Nombre de la organización
cli-sandbox-sat--listen = Dirección y puerto en que atiende
cli-sandbox-sat--rfc = RFC de los documentos inventados
cli-sandbox-sat--year = Año de los documentos inventados
cli-sandbox-sat--seals = Sellos de los documentos inventados: filler (relleno) o real
cli-sandbox-sat--strict = Rechaza (302) las firmas que no tienen ninguna de las formas conocidas
cli-sandbox-sat--trust = Carpeta de certificados de autoridades (.cer) en las que también confía
cli-sandbox-sat--state = Archivo donde guarda su estado; si no, en memoria
cli-sandbox-sat--tls = Atiende por HTTPS y escribe en este archivo el certificado de su autoridad
cli-sandbox-sat--mint = Carpeta donde escribe una e.firma de prueba que él mismo acepta
cli-audit-verify--file = Exportación que se comprueba; si no, la base de datos
cli-audit-verify--key = Llave pública con la que se comprueba
cli-audit-export--output = Archivo en que se escribe; si no, la salida estándar
cli-vault-rotate--root = Renueva la llave raíz
cli-vault-rotate--tenant-key = Renueva la llave de la organización
cli-jobs-list--state = Sólo los que están en este estado
cli-jobs-list--limit = Cuántos como máximo
cli-jobs-retry--id = Identificador del trabajo
cli-jobs-cancel--id = Identificador del trabajo
cli-schedule-set--cron = Cinco campos de cron y una zona horaria
cli-schedule-set--off = Apaga el horario
cli-doctor--sat = Mira también si cada dirección del SAT responde, sin credenciales
cli-xml-c14n--exclusive = Forma exclusiva; si no, la inclusiva
cli-xml-c14n--comments = Conserva los comentarios
cli-xml-c14n--file = Documento XML; - es la entrada estándar
cli-xml-sign--cer = Certificado del firmante (.cer)
cli-xml-sign--key = Llave privada del firmante (.key)
cli-xml-sign--p12 = Certificado y llave juntos (.p12 o .pfx)
cli-xml-sign--password-file = Archivo cuya primera línea es la contraseña de la llave
cli-xml-sign--profile = Cómo se firma
cli-xml-sign--file = Documento XML; - es la entrada estándar
cli-xml-verify--ca = Certificado de una autoridad de confianza, o varios en un PEM; puede repetirse
cli-xml-verify--profile = Qué firma se espera
cli-xml-verify--at = Instante al que debe valer la cadena, como 2025-01-31 o 2025-01-31T12:00:00Z; si no, ahora
cli-xml-verify--file = Documento XML; - es la entrada estándar
cli-cert-inspect--files = Archivos .cer, .key, .p12 o .pfx; - es la entrada estándar
cli-cert-inspect--password-file = Archivo cuya primera línea es la contraseña de las llaves
cli-cfdi-json--file = CFDI; - es la entrada estándar
cli-explain--slug = Código de error, como key_password
